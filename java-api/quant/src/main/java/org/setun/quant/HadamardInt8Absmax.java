package org.setun.quant;

import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.GemmOps.Element;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.DType;
import org.setun.nn.QuantizedRows;
import org.setun.nn.Tensor;

/**
 * The activation quantizer of H-BitLinear (BitNet v2, arXiv 2504.18415): each row is turned by the normalized Hadamard matrix, which spreads its outliers,
 * and then rounded as by {@link Int8Absmax}, in one pass. The codes stand for values in the turned basis, in which the layer's weight is learned; there is
 * no inverse in the forward pass. BitNet v2 has it before the output and the down projection.
 *
 * <p>Backward: rounding passes the gradient straight through, turning takes it back by the transposed matrix.
 */
public record HadamardInt8Absmax() implements ActivationQuantizer {

    private static final Int8Absmax ROUNDING = new Int8Absmax();

    @Override
    public String name() {
        return "hadamard-int8-absmax";
    }

    @Override
    public QuantizedRows quantize(Backend backend, Tensor x, Allocator allocator) {
        x.require("x", DType.F32, -1, -1);
        QuantizedRows rows = QuantizedRows.allocate(allocator, x.rows(), x.columns());
        backend.hadamardQuantize(x.segment(), x.columns(), null, x.rows(), x.columns(), null, rows.codes().segment(), rows.step().segment(),
                rows.sum().segment());
        return rows;
    }

    /** The values in the turned basis. */
    @Override
    public void dequantize(Backend backend, QuantizedRows rows, Tensor out) {
        ROUNDING.dequantize(backend, rows, out);
    }

    @Override
    public boolean isStraightThrough() {
        return false;
    }

    @Override
    public void backward(Backend backend, Tensor gradient) {
        long d = gradient.columns();
        backend.hadamard(Element.F32, true, gradient.segment(), d, null, gradient.rows(), d, gradient.segment(), d);
    }
}
