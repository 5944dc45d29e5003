/** Quantizers of activations: dynamic, tracked, calibrated and learned ranges, symmetric or with a zero point, sparse or rotated. */
@NullMarked
package org.setun.quant.activation;

import org.jspecify.annotations.NullMarked;
