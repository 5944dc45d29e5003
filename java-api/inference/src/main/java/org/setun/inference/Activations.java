package org.setun.inference;

/** What packed matrices (ternary, or in blocks) are multiplied with. Others take fp32 activations either way. */
public enum Activations {
    /**
     * Rounded to 8 bits by their greatest magnitude, with integer dot products: each row for ternary matrices, as BitNet b1.58 was
     * trained, each 256
     * values for blocks.
     */
    INT8,
    /** fp32 rows with exact weights: for models whose training did not round activations. */
    FP32
}
