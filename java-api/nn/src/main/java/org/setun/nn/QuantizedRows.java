package org.setun.nn;

import org.setun.kernels.Allocator;
import org.setun.kernels.TernaryOps;

/**
 * 8-bit activations: row {@code i} stands for {@code codes[i] * step[i]}.
 *
 * @param codes   I8[n][paddedK(columns)], padding 0
 * @param step    F32[n]
 * @param sum     I32[n], the sums of the codes
 * @param columns values per row
 */
public record QuantizedRows(Tensor codes, Tensor step, Tensor sum, long columns) {

    /** Room for {@code rows} rows of {@code columns} values. */
    public static QuantizedRows allocate(Allocator allocator, long rows, long columns) {
        return new QuantizedRows(Tensor.allocate(allocator, DType.I8, rows, TernaryOps.paddedK(columns)),
                Tensor.allocate(allocator, DType.F32, rows), Tensor.allocate(allocator, DType.I32, rows), columns);
    }

    public long rows() {
        return codes.rows();
    }
}
