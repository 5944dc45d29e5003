/**
 * How weight matrices are stored in few bits: one {@link org.setun.quant.format.WeightFormat} per storage type, whatever chooses the codes
 * (nearest rounding, GPTQ, LDLQ) and wherever the bytes go (a GGUF type of its own, or a byte tensor with a format name beside it).
 */
@NullMarked
package org.setun.quant.format;

import org.jspecify.annotations.NullMarked;
