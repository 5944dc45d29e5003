package org.setun.kernels;

/** What a product does to its outputs after the bias ({@code setun_activation}). NaN stays NaN. */
public enum Activation {
    /** Nothing. */
    NONE,
    /** {@code max(v, 0)}. */
    RELU,
    /** {@code max(v, 0)²}: the squared ReLU of BitNet b1.58 2B4T. */
    RELU2;

    /** The value of {@code SETUN_ACTIVATION_*}. */
    public int code() {
        return ordinal();
    }

    /** The activation of one value, as every backend computes it. */
    public float apply(float value) {
        float rectified = this != NONE && value < 0 ? 0 : value;
        return this == RELU2 ? rectified * rectified : rectified;
    }
}
