package org.setun.kernels;

/** Interchange layouts of ternary matrices; bytes in {@code docs/formats.md}. */
public enum TernaryFormat {
    /** GGUF type 35: blocks of 256 values in 66 bytes, one f16 scale each; k must be a multiple of 256. */
    TQ2_0(1),
    /** GGUF type 34: blocks of 256 values in 54 bytes, one f16 scale each; k must be a multiple of 256. */
    TQ1_0(2),
    /** Microsoft's {@code i2_s}: blocks of 128 values in 32 bytes, then 32 bytes that start with the f32 scale; k must be a multiple of 128. */
    I2_S(3),
    /** Hugging Face {@code uint8 [ceil(m/4)][k]}, packed along m; the scale is a tensor of its own. */
    HF_U8(4);

    private final int code;

    TernaryFormat(int code) {
        this.code = code;
    }

    /** The value of {@code setun_ternary_format}. */
    public int code() {
        return code;
    }

    /** Bytes of an {@code [m][k]} matrix in this format. */
    public long bytes(long m, long k) {
        return switch (this) {
            case TQ2_0 -> Math.multiplyExact(m, multiple(k, 256) * 66);
            case TQ1_0 -> Math.multiplyExact(m, multiple(k, 256) * 54);
            case I2_S -> Math.addExact(Math.multiplyExact(m, multiple(k, 128) * 32), 32);
            case HF_U8 -> Math.multiplyExact((m + 3) / 4, k);
        };
    }

    /** How many f32 scales an {@code [m][k]} matrix carries inside its bytes. */
    public long scales(long m, long k) {
        return switch (this) {
            case TQ2_0, TQ1_0 -> Math.multiplyExact(m, multiple(k, 256));
            case I2_S -> 1;
            case HF_U8 -> 0;
        };
    }

    private long multiple(long k, int block) {
        if (k % block != 0) {
            throw new IllegalArgumentException("k = " + k + " is not a multiple of " + block + ", which " + this + " needs");
        }
        return k / block;
    }
}
