package org.setun.nn;

/** How the matrix products of a tape hold their operands. Sums, activations, gradients and parameters are fp32 either way. */
public enum Precision {
    /** As they are. */
    FP32,
    /**
     * Rounded to bf16, 8 significant bits: products of fp32 weights, the gradients of all linear layers, and attention. Products of quantized weights are
     * what they are in fp32.
     */
    BF16
}
