package org.setun.training.lm;

import org.setun.kernels.Allocator;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Quantization;
import org.setun.quant.Int8Absmax;
import org.setun.quant.TernaryAbsmean;
import org.setun.training.config.TrainingConfig.Model;
import org.setun.training.config.TrainingConfig.WeightQuantizer;

/** Decoders as configurations describe them. */
final class DecoderFactory {

    private DecoderFactory() {
    }

    static DecoderConfig config(Model m, int vocabulary) {
        return new DecoderConfig(vocabulary, m.dim(), m.layers(), m.heads(), m.kvHeads(), m.resolvedHeadDim(), m.ffn(), m.context(),
                m.activation(), m.subNorms(), m.rope(), (float) m.ropeTheta(), (float) m.normEps(), m.tiedHead());
    }

    static Decoder decoder(Model model, int vocabulary, WeightQuantizer weights, Allocator allocator, long seed) {
        Quantization quantization = switch (weights) {
            case TERNARY -> new Quantization(new TernaryAbsmean(), new Int8Absmax());
            case NONE -> Quantization.NONE;
        };
        return new Decoder(config(model, vocabulary), quantization, allocator, DecoderInit.seeded(seed));
    }
}
