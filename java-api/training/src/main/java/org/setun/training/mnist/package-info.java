/** Image classification on MNIST: the smallest comparison of ternary and full-precision training. */
@NullMarked
package org.setun.training.mnist;

import org.jspecify.annotations.NullMarked;
