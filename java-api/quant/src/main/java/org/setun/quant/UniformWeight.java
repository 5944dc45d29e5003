package org.setun.quant;

import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.nn.DType;
import org.setun.nn.QuantizedRows;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;

/**
 * A weight of 1 to 8 bits per value on a uniform grid: {@code (code + 1/2) * scale} of {@link UniformMean}, {@code code * scale} of others.
 * There is no packed kernel for it: products run in fp32 on the values that the codes stand for, which are kept beside them.
 *
 * @param codes  I8[outputs][inputs]; empty if a storage format has given the values
 * @param scales one F32 for each group of consecutive values: a row, a block, or the whole matrix; likewise
 * @param values F32[outputs][inputs], what the codes stand for
 */
public record UniformWeight(Tensor codes, Tensor scales, Tensor values) implements QuantizedWeight {

    /** Room for a weight; the contents are undefined. */
    public static UniformWeight allocate(Allocator allocator, long outputs, long inputs, long scales) {
        return new UniformWeight(Tensor.allocate(allocator, DType.I8, outputs, inputs),
                Tensor.allocate(allocator, DType.F32, scales),
                Tensor.allocate(allocator, DType.F32, outputs, inputs));
    }

    @Override
    public long outputs() {
        return values.rows();
    }

    @Override
    public long inputs() {
        return values.columns();
    }

    @Override
    public boolean hasIntegerProduct() {
        return false;
    }

    @Override
    public void multiply(Backend backend, QuantizedRows x, @Nullable Tensor bias, @Nullable Tensor residual, Tensor y) {
        throw new UnsupportedOperationException("uniform weights have no integer product");
    }

    @Override
    public void multiply(Backend backend, Tensor x, @Nullable Tensor bias, Tensor y) {
        backend.gemmF32(false, true, x.rows(), outputs(), inputs(), 1, x.segment(), inputs(), values.segment(), inputs(), 0, y.segment(),
                outputs());
        if (bias != null) {
            backend.biasForward(bias.segment(), y.rows(), y.columns(), y.segment());
        }
    }

    @Override
    public void expand(Backend backend, Tensor out) {
        backend.axpby(1, values.segment(), 0, out.segment(), out.size());
    }
}
