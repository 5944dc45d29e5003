package org.setun.kernels;

import java.util.Optional;

/** Weights in blocks with scales of their own, as files hold them; bytes in {@code docs/formats.md}. */
public enum BlockFormat {
    /** GGUF type 2: 32 values of 4 bits in 18 bytes. */
    Q4_0(2, 32, 18, 2304),
    /** GGUF type 8: 32 values of 8 bits in 34 bytes. */
    Q8_0(8, 32, 34, 4352),
    /** GGUF type 10: 256 values of 2 bits, scales and minima per 16, in 84 bytes. */
    Q2_K(10, 256, 84, 1344),
    /** GGUF type 11: 256 values of 3 bits, scales per 16, in 110 bytes. */
    Q3_K(11, 256, 110, 1792),
    /** GGUF type 12: 256 values of 4 bits, scales and minima per 32, in 144 bytes. */
    Q4_K(12, 256, 144, 2304),
    /** GGUF type 13: 256 values of 5 bits, scales and minima per 32, in 176 bytes. */
    Q5_K(13, 256, 176, 2816),
    /** GGUF type 14: 256 values of 6 bits, scales per 16, in 210 bytes. */
    Q6_K(14, 256, 210, 3392),
    /** 256 values as points of E8P ({@link E8pPoints}), 2 bits, in 66 bytes. */
    E8P_2(802, 256, 66, 1664),
    /** The same with a second stage of one bit, in 98 bytes. */
    E8P_3(803, 256, 98, 2624),
    /** The same with E8P as the second stage, in 130 bytes. */
    E8P_4(804, 256, 130, 4160),
    /** pi-q2: 256 codes of 2 bits and a step in 66 bytes; see {@link PiGrid}. No GGUF type, like the next three. */
    PI_Q2(1002, 256, 66, 1088),
    /** pi-q3: 256 codes of 3 bits and a step in 98 bytes. */
    PI_Q3(1003, 256, 98, 1600),
    /** pi-tan2: as pi-q2, with symmetric levels. The parameter is {@link PiGrid#packedMagnitudes}; 0 stands for K = 8. */
    PI_TAN2(1012, 256, 66, 1088),
    /** pi-tan3: as pi-q3, with symmetric levels. The parameter is {@link PiGrid#packedMagnitudes}; 0 stands for K = 14. */
    PI_TAN3(1013, 256, 98, 1600);

    /** Rows of a packed matrix that lie together: a part of it starts at a multiple of this. */
    public static final int GROUP_ROWS = 16;

    private static final int PARAMETER_BYTES = 64;

    private final int code;
    private final int blockValues;
    private final int blockBytes;
    private final int recordBytes;

    BlockFormat(int code, int blockValues, int blockBytes, int recordBytes) {
        this.code = code;
        this.blockValues = blockValues;
        this.blockBytes = blockBytes;
        this.recordBytes = recordBytes;
    }

    /** The format of a number. */
    public static Optional<BlockFormat> ofCode(int code) {
        for (BlockFormat format : values()) {
            if (format.code == code) {
                return Optional.of(format);
            }
        }
        return Optional.empty();
    }

    /** The value of {@code setun_block_format}, which is GGUF's where GGUF has one. */
    public int code() {
        return code;
    }

    /** Values of a block: k must be a multiple of this. */
    public int blockValues() {
        return blockValues;
    }

    /** Bytes of a block in files. */
    public int blockBytes() {
        return blockBytes;
    }

    /** The largest parameter that packing takes: 0 where a format has none. */
    public int mostParameter() {
        return this == PI_TAN2 ? 0x7f7f : this == PI_TAN3 ? 0x7f7f7f7f : 0;
    }

    /** Bytes of 16 rows of 256 values, packed. */
    public int recordBytes() {
        return recordBytes;
    }

    /**
     * Bytes of an {@code [m][k]} matrix in files.
     *
     * @throws IllegalArgumentException if {@code k} is not a multiple of {@link #blockValues}
     */
    public long bytes(long m, long k) {
        return Math.multiplyExact(m, Math.multiplyExact(whole(k) / blockValues, (long) blockBytes));
    }

    /** Bytes of the same, packed for the kernels. */
    public long packedBytes(long m, long k) {
        long groups = Math.ceilDiv(m, (long) GROUP_ROWS);
        return Math.addExact(PARAMETER_BYTES, Math.multiplyExact(Math.multiplyExact(groups, BlockOps.blocks(whole(k))), recordBytes));
    }

    private long whole(long k) {
        if (k % blockValues != 0) {
            throw new IllegalArgumentException("k = " + k + " is not a multiple of " + blockValues + ", which " + this + " needs");
        }
        return k;
    }
}
