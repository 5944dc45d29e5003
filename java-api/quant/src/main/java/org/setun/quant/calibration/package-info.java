/**
 * What a model does with real text: statistics of the inputs of its linear layers, Hessians, Fisher information, and the importance of
 * weights that quantization makes of them.
 */
@NullMarked
package org.setun.quant.calibration;

import org.jspecify.annotations.NullMarked;
