package org.setun.quant.activation;

import java.util.List;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.kernels.GemmOps.Element;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.DType;
import org.setun.nn.Initializer;
import org.setun.nn.QuantizedRows;
import org.setun.nn.Tensor;
import org.setun.quant.Int8Absmax;

/**
 * Turns each row by the normalized Hadamard matrix, which spreads its outliers, and then rounds it: H-BitLinear (BitNet v2, arXiv 2504.18415). The
 * codes stand for values in the turned basis, in which the layer's weight is learned; there is no inverse in the forward pass. Rounding passes the
 * gradient straight through, turning takes it back by the transposed matrix.
 *
 * @param quantizer what rounds, without state; with {@link Int8Absmax} both are done in one pass
 */
public record HadamardRows(ActivationQuantizer quantizer) implements ActivationQuantizer {

    public HadamardRows {
        RowCodes.requireStateless(quantizer);
    }

    @Override
    public String name() {
        return "hadamard-" + quantizer.name();
    }

    @Override
    public ActivationQuantizer at(String place, Initializer initializer, long columns) {
        quantizer.at(place, initializer, columns);
        return this;
    }

    @Override
    public QuantizedRows quantize(Backend backend, Tensor x, Allocator allocator) {
        x.require("x", DType.F32, -1, -1);
        long d = x.columns();
        if (quantizer instanceof Int8Absmax) {
            QuantizedRows rows = QuantizedRows.allocate(allocator, x.rows(), d);
            backend.hadamardQuantize(x.segment(), d, null, x.rows(), d, null, rows.codes().segment(), rows.step().segment(),
                    rows.sum().segment());
            return rows;
        }
        Tensor turned = Tensor.allocate(allocator, DType.F32, x.shape());
        backend.hadamard(Element.F32, false, x.segment(), d, null, x.rows(), d, turned.segment(), d);
        return quantizer.quantize(backend, turned, allocator);
    }

    /** The values in the turned basis. */
    @Override
    public void dequantize(Backend backend, QuantizedRows rows, Tensor out) {
        quantizer.dequantize(backend, rows, out);
    }

    @Override
    public boolean hasIntegerProduct() {
        return quantizer.hasIntegerProduct();
    }

    @Override
    public boolean isStraightThrough() {
        return false;
    }

    @Override
    public void backward(Backend backend, Tensor x, QuantizedRows rows, Tensor gradient, List<Tensor> parameterGradients) {
        long d = gradient.columns();
        backend.hadamard(Element.F32, true, gradient.segment(), d, null, gradient.rows(), d, gradient.segment(), d);
    }
}
