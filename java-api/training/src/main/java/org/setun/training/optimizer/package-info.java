/** Optimizers: rules that change parameters by their gradients, over fused kernels. */
@NullMarked
package org.setun.training.optimizer;

import org.jspecify.annotations.NullMarked;
