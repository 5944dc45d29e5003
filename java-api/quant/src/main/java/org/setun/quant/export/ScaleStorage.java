package org.setun.quant.export;

/** Where an exported file keeps the scale of a ternary matrix. Files of type {@link MatrixType#I2_S} hold it exactly either way. */
public enum ScaleStorage {
    /**
     * Block scales are 1 and an F32 tensor {@code blk.N.<matrix>.scale} multiplies the product: exact. Readers that do not know these tensors
     * refuse the file (llama.cpp knows them in its architecture {@code bitnet} since 2024, in all others since 2026).
     */
    TENSOR,
    /**
     * The half-precision scale of each block holds it: any reader, at a relative error of up to 2<sup>-11</sup>. Scales too small for half
     * precision's normal range are raised by a power of two that the norm before the matrix takes back.
     */
    BLOCK
}
