package org.setun.quant;

import org.jspecify.annotations.Nullable;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.GemmOps;
import org.setun.nn.DType;
import org.setun.nn.QuantizedRows;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;

/**
 * A weight of codes in {-1, 0, 1} and one scale, packed for the integer kernels.
 *
 * @param codes  CODES[outputs][inputs]
 * @param scales F32[1], the scale γ
 */
public record TernaryWeight(Tensor codes, Tensor scales) implements QuantizedWeight {

    public TernaryWeight {
        codes.require("codes", DType.CODES, -1, -1);
        scales.require("scales", DType.F32, 1);
    }

    /** Room for a weight; codes and scale are undefined. */
    public static TernaryWeight allocate(Allocator allocator, long outputs, long inputs) {
        return new TernaryWeight(Tensor.allocate(allocator, DType.CODES, outputs, inputs), Tensor.allocate(allocator, DType.F32, 1));
    }

    @Override
    public long outputs() {
        return codes.rows();
    }

    @Override
    public long inputs() {
        return codes.columns();
    }

    /** Codes as one byte each, I8[outputs][inputs] in memory of {@code allocator}. */
    public Tensor unpack(Backend backend, Allocator allocator) {
        Tensor bytes = Tensor.allocate(allocator, DType.I8, outputs(), inputs());
        backend.ternaryUnpack(codes.segment(), outputs(), inputs(), bytes.segment());
        return bytes;
    }

    @Override
    public void multiply(Backend backend, QuantizedRows x, @Nullable Tensor bias, @Nullable Tensor residual, Tensor y) {
        backend.ternaryGemm(codes.segment(), outputs(), inputs(), scales.segment(), x.codes().segment(), x.step().segment(),
                x.sum().segment(), x.rows(), bias == null ? null : bias.segment(), residual == null ? null : residual.segment(),
                y.segment(),
                outputs(), null);
    }

    @Override
    public void multiply(Backend backend, Tensor x, @Nullable Tensor bias, Tensor y) {
        backend.ternaryGemmF32(codes.segment(), outputs(), inputs(), scales.segment(), x.segment(), x.rows(), inputs(),
                bias == null ? null : bias.segment(), y.segment(), outputs());
    }

    @Override
    public boolean inputGradient(Backend backend, Tensor dy, float beta, Tensor dx) {
        backend.ternaryGemmBackward(codes.segment(), outputs(), inputs(), scales.segment(), GemmOps.Element.F32, dy.segment(), dy.rows(),
                outputs(), beta, dx.segment(), inputs());
        return true;
    }

    @Override
    public void expand(Backend backend, Tensor out) {
        backend.ternaryExpand(codes.segment(), outputs(), inputs(), scales.segment(), out.segment());
    }
}
