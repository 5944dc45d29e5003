package org.setun.formats.gguf;

import java.util.Optional;

/**
 * Element types of GGUF tensors with their numbers and block sizes, after {@code ggml.h} and {@code ggml-common.h}. A row of
 * {@code ne0} elements is stored as {@code ne0 / blockSize} blocks of {@code blockBytes} bytes.
 */
public enum GgmlType {
    F32(0, 1, 4), F16(1, 1, 2), Q4_0(2, 32, 18), Q4_1(3, 32, 20), Q5_0(6, 32, 22), Q5_1(7, 32, 24), Q8_0(8, 32, 34), Q8_1(9, 32, 36), Q2_K(
            10, 256, 84), Q3_K(11, 256, 110), Q4_K(12, 256, 144), Q5_K(13, 256, 176), Q6_K(14, 256, 210), Q8_K(15, 256, 292), IQ2_XXS(16,
                    256, 66), IQ2_XS(17, 256, 74), IQ3_XXS(18, 256, 98), IQ1_S(19, 256, 50), IQ4_NL(20, 32, 18), IQ3_S(21, 256,
                            110), IQ2_S(22, 256, 82), IQ4_XS(23, 256, 136), I8(24, 1, 1), I16(25, 1, 2), I32(26, 1, 4), I64(27, 1,
                                    8), F64(28, 1, 8), IQ1_M(29, 256, 56), BF16(30, 1, 2), TQ1_0(34, 256, 54), TQ2_0(35, 256, 66),
    /**
     * Microsoft's ternary type, known only to the fork that writes the architectures {@code bitnet-b1.58} and {@code bitnet-25}: blocks of
     * 128 values in 32 bytes, then once per tensor 32 bytes that start with the fp32 scale.
     */
    I2_S(36, 128, 32), MXFP4(39, 32, 17), NVFP4(40, 64, 36), Q1_0(41, 128, 18), Q2_0(42, 64, 18);

    /** Bytes after the last block of an {@link #I2_S} tensor. */
    private static final int I2_S_TAIL = 32;

    private final int id;
    private final int blockSize;
    private final int blockBytes;

    GgmlType(int id, int blockSize, int blockBytes) {
        this.id = id;
        this.blockSize = blockSize;
        this.blockBytes = blockBytes;
    }

    /** The type with number {@code id} in a file; empty if retired or not known. */
    public static Optional<GgmlType> of(long id) {
        for (GgmlType type : values()) {
            if (type.id == id) {
                return Optional.of(type);
            }
        }
        return Optional.empty();
    }

    /** The number in the file. */
    public int id() {
        return id;
    }

    /** Elements per block; the first dimension must be a multiple of it. */
    public int blockSize() {
        return blockSize;
    }

    /** Bytes per block. */
    public int blockBytes() {
        return blockBytes;
    }

    /** Bytes after the last block of a tensor. */
    public int tailBytes() {
        return this == I2_S ? I2_S_TAIL : 0;
    }

    /**
     * Bytes of a tensor of {@code elements} elements.
     *
     * @throws IllegalArgumentException if {@code elements} is not a positive multiple of {@link #blockSize()}
     * @throws ArithmeticException if the size does not fit in a long
     */
    public long bytes(long elements) {
        if (elements <= 0 || elements % blockSize != 0) {
            throw new IllegalArgumentException(
                    "elements = " + elements + " is not a positive multiple of " + blockSize + ", the block of " + this);
        }
        return Math.addExact(Math.multiplyExact(elements / blockSize, (long) blockBytes), tailBytes());
    }
}
