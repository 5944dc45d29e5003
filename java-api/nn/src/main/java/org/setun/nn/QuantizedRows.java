package org.setun.nn;

import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.TernaryOps;

/**
 * Activations of at most 8 bits: row {@code i} stands for {@code codes[i] * step[i] + offset[i]}. A quantizer without an
 * {@linkplain ActivationQuantizer#hasIntegerProduct integer product} may have several steps and offsets per row, for pieces of equal length.
 *
 * @param codes   I8[n][paddedK(columns)], padding 0
 * @param step    F32[n], or F32[n * pieces]
 * @param sum     I32[n], the sums of the codes
 * @param offset  like {@code step}, or null for 0
 * @param columns values per row
 */
public record QuantizedRows(Tensor codes, Tensor step, Tensor sum, @Nullable Tensor offset, long columns) {

    /** Room for {@code rows} rows of {@code columns} values without offsets. */
    public static QuantizedRows allocate(Allocator allocator, long rows, long columns) {
        return allocate(allocator, rows, columns, 1, false);
    }

    /** Room for {@code rows} rows of {@code columns} values in {@code pieces} pieces per row. */
    public static QuantizedRows allocate(Allocator allocator, long rows, long columns, long pieces, boolean offsets) {
        return new QuantizedRows(Tensor.allocate(allocator, DType.I8, rows, TernaryOps.paddedK(columns)),
                Tensor.allocate(allocator, DType.F32, rows * pieces), Tensor.allocate(allocator, DType.I32, rows),
                offsets ? Tensor.allocate(allocator, DType.F32, rows * pieces) : null, columns);
    }

    public long rows() {
        return codes.rows();
    }
}
