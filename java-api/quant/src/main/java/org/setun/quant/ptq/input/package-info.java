/** Models to be quantized, whatever file they come from. */
@NullMarked
package org.setun.quant.ptq.input;

import org.jspecify.annotations.NullMarked;
