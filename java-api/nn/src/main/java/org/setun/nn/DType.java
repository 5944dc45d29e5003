package org.setun.nn;

import org.setun.kernels.TernaryOps;

/** Element types of a {@link Tensor}. Little-endian. */
public enum DType {
    F32(4),
    /** Reductions only: losses and sums. */
    F64(8), BF16(2), F16(2), I8(1), I32(4),
    /** Packed ternary codes, 2 bits each, in the layout of {@code setun/ternary.h}; rows are padded to a multiple of 256 codes, and come in
     * groups of 4. */
    CODES(0);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of {@code rows} rows of {@code columns} elements. */
    public long bytes(long rows, long columns) {
        return this == CODES
                ? TernaryOps.packedBytes(rows, columns)
                : Math.multiplyExact(rows, Math.multiplyExact(columns, (long) bytes));
    }
}
