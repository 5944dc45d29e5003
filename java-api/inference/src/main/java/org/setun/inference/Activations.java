package org.setun.inference;

/** What ternary matrices are multiplied with. Matrices that are not ternary take fp32 activations either way. */
public enum Activations {
    /** Each row rounded to 8 bits by its greatest magnitude, as BitNet b1.58 was trained; integer dot products. */
    INT8,
    /** fp32 rows with exact weights: for models whose training did not round activations. */
    FP32
}
