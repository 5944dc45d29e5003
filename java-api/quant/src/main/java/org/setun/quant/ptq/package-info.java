/**
 * Post-training quantization of whole models, from file to file: {@link org.setun.quant.ptq.QuantizeJob} writes, {@link
 * org.setun.quant.ptq.SetunGguf}
 * reads what GGUF's own types cannot say, {@link org.setun.quant.ptq.Integrity} checks that nothing changed on the way.
 */
@NullMarked
package org.setun.quant.ptq;

import org.jspecify.annotations.NullMarked;
