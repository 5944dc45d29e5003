package org.setun.quant.activation;

import java.util.Map;
import org.setun.kernels.Allocator;
import org.setun.kernels.Backend;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.Initializer;
import org.setun.nn.QuantizedRows;
import org.setun.nn.Tensor;
import org.setun.quant.Int8Absmax;

/** Published choices of activation quantizers that differ between the layers of a block. */
public final class ActivationPresets {

    private static final String OUTPUT = "attn_output";
    private static final String DOWN = "ffn_down";

    /**
     * One quantizer for layers of some names, another for the others.
     *
     * @param name     for messages
     * @param others   serves all layers that {@code byLayer} does not name
     * @param byLayer  quantizers by the last part of a layer's name
     */
    private record ByLayer(String name, ActivationQuantizer others,
            Map<String, ActivationQuantizer> byLayer) implements ActivationQuantizer {

        @Override
        public ActivationQuantizer at(String place, Initializer initializer, long columns) {
            return byLayer.getOrDefault(place.substring(place.lastIndexOf('.') + 1), others).at(place, initializer, columns);
        }

        @Override
        public QuantizedRows quantize(Backend backend, Tensor x, Allocator allocator) {
            return others.quantize(backend, x, allocator);
        }

        @Override
        public void dequantize(Backend backend, QuantizedRows rows, Tensor out) {
            others.dequantize(backend, rows, out);
        }
    }

    private ActivationPresets() {
    }

    /**
     * BitNet a4.8 (arXiv 2411.04965): 4 bits for the inputs of attention and feed-forward network, 8 bits and only the largest values for the output
     * projection, 8 bits for the down projection, whose input squared ReLU makes sparse.
     *
     * @param keep share of the values that the output projection sees; 0.5 to 0.55 there
     */
    public static ActivationQuantizer bitnetA48(double keep) {
        return new ByLayer("bitnet-a4.8", UniformRows.int4(),
                Map.of(OUTPUT, new SparseRows(new Int8Absmax(), keep), DOWN, new Int8Absmax()));
    }

    /**
     * BitNet v2 (arXiv 2504.18415): a Hadamard transform before the output and the down projection, and 8 bits everywhere, or 4 bits as its second stage
     * of training has.
     *
     * @param bits 8 or 4
     */
    public static ActivationQuantizer bitnetV2(int bits) {
        if (bits != 4 && bits != 8) {
            throw new IllegalArgumentException("bits = " + bits + " must be 4 or 8");
        }
        ActivationQuantizer rounding = bits == 8 ? new Int8Absmax() : UniformRows.int4();
        return new ByLayer("bitnet-v2-int" + bits, rounding, Map.of(OUTPUT, new HadamardRows(rounding), DOWN, new HadamardRows(rounding)));
    }
}
