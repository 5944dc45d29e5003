/**
 * Rounding to GGUF's block types. A type is a {@link org.setun.quant.blocks.GgmlBlockFormat}: a grid of codes, a {@link BlockFit} that chooses
 * the scales of a block for the least (weighted) square error, and a {@link Packing} that writes the bytes. Reading them back is
 * {@code org.setun.formats.gguf.Dequantizer}'s.
 */
@NullMarked
package org.setun.quant.blocks;

import org.jspecify.annotations.NullMarked;
