package org.setun.quant;

import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.DType;
import org.setun.nn.QuantizedRows;
import org.setun.nn.Tensor;

/**
 * BitNet b1.58's activation quantizer (arXiv 2402.17764): per row, {@code a = max(max|x|, 1e-5)} and codes {@code round(x * 127/a)}. The
 * gradient passes straight through.
 */
public record Int8Absmax() implements ActivationQuantizer {

    @Override
    public String name() {
        return "int8-absmax";
    }

    @Override
    public QuantizedRows quantize(Backend backend, Tensor x, Allocator allocator) {
        x.require("x", DType.F32, -1, -1);
        QuantizedRows rows = QuantizedRows.allocate(allocator, x.rows(), x.columns());
        backend.quantizeRows(x.segment(), x.rows(), x.columns(), x.columns(), rows.codes().segment(), rows.step().segment(),
                rows.sum().segment());
        return rows;
    }

    @Override
    public void dequantize(Backend backend, QuantizedRows rows, Tensor out) {
        out.require("out", DType.F32, rows.rows(), rows.columns());
        backend.dequantizeRows(rows.codes().segment(), rows.step().segment(), rows.rows(), rows.columns(), out.segment());
    }
}
