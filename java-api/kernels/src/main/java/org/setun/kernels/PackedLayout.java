package org.setun.kernels;

/** How packed ternary weights lie in memory; byte by byte in {@code setun/ternary.h}. */
public enum PackedLayout {

    /** Two bits per weight: the layout for products of many rows, and what all other operations take. */
    PLANES(0),
    /** 1.67 bits per weight: for products of one row or a few, which wait for memory. */
    DENSE(1);

    private final int code;

    PackedLayout(int code) {
        this.code = code;
    }

    /** The value of {@code SETUN_TERNARY_LAYOUT_*}. */
    public int code() {
        return code;
    }

    /**
     * Bytes of an {@code [m][k]} matrix.
     *
     * @throws ArithmeticException if they do not fit 64 bits
     */
    public long bytes(long m, long k) {
        return switch (this) {
            case PLANES -> TernaryOps.packedBytes(m, k);
            case DENSE -> Math.multiplyExact(Math.multiplyExact(Math.addExact(m, 11) / 12, Math.addExact(k, 127) / 128), 320L);
        };
    }
}
