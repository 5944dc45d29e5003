/** Quantizers of quantization-aware training: levels, estimators of the gradient, and rules or learning for the scales. */
@NullMarked
package org.setun.quant.qat;

import org.jspecify.annotations.NullMarked;
