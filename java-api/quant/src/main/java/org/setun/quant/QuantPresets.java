package org.setun.quant;

import java.util.List;
import org.setun.kernels.NnOps;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.DecoderConfig;
import org.setun.nn.Quantization;
import org.setun.quant.activation.ActivationPresets;

/**
 * Named choices of quantizers together with the architecture that they were published with.
 */
public final class QuantPresets {

    /**
     * A choice.
     *
     * @param name         for configuration files and reports
     * @param quantization of the linear layers
     * @param activation   of the gate in the feed-forward network
     * @param subNorms     norms before the output and down projections
     */
    public record Preset(String name, Quantization quantization, NnOps.Glu activation, boolean subNorms) {

        /** {@code config} with this preset's activation and norms. */
        public DecoderConfig apply(DecoderConfig config) {
            return new DecoderConfig(config.vocab(), config.dim(), config.layers(), config.heads(), config.kvHeads(), config.headDim(),
                    config.ffn(), config.context(), activation, subNorms, config.rope(), config.ropeTheta(), config.normEps(),
                    config.tiedHead(), config.qkvBias(), config.headNorms());
        }
    }

    private static final Quantization TERNARY_INT8 = new Quantization(new TernaryAbsmean(), new Int8Absmax());

    private static final ActivationQuantizer A48 = ActivationPresets.bitnetA48(0.55);

    private QuantPresets() {
    }

    /** BitNet b1.58 (arXiv 2402.17764): ternary weights, 8-bit activations, in the Llama architecture: SwiGLU, no further norms. */
    public static Preset bitnet158() {
        return new Preset("bitnet158", TERNARY_INT8, NnOps.Glu.SILU, false);
    }

    /**
     * BitNet b1.58 2B4T (arXiv 2504.12285): the same quantizers; squared ReLU, whose zeros suit 8-bit activations, and a norm before each
     * of the two projections whose inputs would otherwise have no fixed scale. llama.cpp's {@code bitnet} architecture computes SwiGLU
     * instead: see {@link #bitnetSwiglu()}.
     */
    public static Preset bitnetOptimized() {
        return new Preset("bitnet-optimized", TERNARY_INT8, NnOps.Glu.RELU2, true);
    }

    /** {@link #bitnetOptimized()} with SwiGLU: what llama.cpp's {@code bitnet} architecture computes. */
    public static Preset bitnetSwiglu() {
        return new Preset("bitnet-swiglu", TERNARY_INT8, NnOps.Glu.SILU, true);
    }

    /** BitNet a4.8 (arXiv 2411.04965): ternary weights, squared ReLU, and activations as {@link ActivationPresets#bitnetA48} has them. */
    public static Preset bitnetA48() {
        return new Preset("bitnet-a48", new Quantization(new TernaryAbsmean(), A48), NnOps.Glu.RELU2, true);
    }

    /** BitNet v2 (arXiv 2504.18415), 8 bits: ternary weights, SwiGLU, a Hadamard transform before the output and the down projection. */
    public static Preset bitnetV2() {
        return new Preset("bitnet-v2", new Quantization(new TernaryAbsmean(), ActivationPresets.bitnetV2(8)), NnOps.Glu.SILU, true);
    }

    /** The second stage of {@link #bitnetV2()}: 4 bits. */
    public static Preset bitnetV2Int4() {
        return new Preset("bitnet-v2-int4", new Quantization(new TernaryAbsmean(), ActivationPresets.bitnetV2(4)), NnOps.Glu.SILU, true);
    }

    /** The twin for comparisons: nothing quantized, the architecture of {@link #bitnetOptimized()}. */
    public static Preset fullPrecision() {
        return new Preset("fp32", Quantization.NONE, NnOps.Glu.RELU2, true);
    }

    /** All presets. */
    public static List<Preset> all() {
        return List.of(bitnet158(), bitnetOptimized(), bitnetSwiglu(), bitnetA48(), bitnetV2(), bitnetV2Int4(), fullPrecision());
    }

    /**
     * The preset of a name.
     *
     * @throws IllegalArgumentException that lists the names if there is none
     */
    public static Preset named(String name) {
        return all().stream().filter(preset -> preset.name().equals(name)).findFirst().orElseThrow(
                () -> new IllegalArgumentException(
                        "preset " + name + " is unknown, must be one of " + all().stream().map(Preset::name).toList()));
    }
}
