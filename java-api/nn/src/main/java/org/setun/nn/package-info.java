/**
 * Networks: tensors, a tape of differentiable functions, layers, and two models ({@link org.setun.nn.Mlp}, {@link org.setun.nn.Decoder})
 * for training and evaluation.
 */
@NullMarked
package org.setun.nn;

import org.jspecify.annotations.NullMarked;
