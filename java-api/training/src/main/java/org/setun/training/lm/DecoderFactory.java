package org.setun.training.lm;

import java.lang.foreign.MemorySegment;
import org.setun.kernels.Allocator;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.ParameterValues;
import org.setun.nn.Shape;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.Model;

/** Decoders as configurations describe them. */
public final class DecoderFactory {

    private DecoderFactory() {
    }

    static DecoderConfig config(Model m, int vocabulary) {
        return new DecoderConfig(vocabulary, m.dim(), m.layers(), m.heads(), m.kvHeads(), m.resolvedHeadDim(), m.ffn(), m.context(),
                m.activation(), m.subNorms(), m.rope(), (float) m.ropeTheta(), (float) m.normEps(), m.tiedHead(),
                m.qkvBias(), m.headNorms());
    }

    /** A decoder for {@link org.setun.training.MemoryPlanner}: as the other, with undefined values. */
    static Decoder undefined(TrainingConfig config, int vocabulary, Allocator allocator) {
        return new Decoder(config(config.model(), vocabulary), QuantizationFactory.of(config), allocator, new ParameterValues() {
            @Override
            public void require(String name, Shape shape) {
                // there is every parameter
            }

            @Override
            public void read(String name, MemorySegment values) {
                // whatever they are
            }
        });
    }

    /**
     * A new decoder with the shape, the quantizers and the activations of {@code config}.
     *
     * @param vocabulary tokens that it knows
     * @param allocator  for its parameters
     * @param seed       of their first values
     */
    public static Decoder decoder(TrainingConfig config, int vocabulary, Allocator allocator, long seed) {
        return new Decoder(config(config.model(), vocabulary), QuantizationFactory.of(config), allocator, DecoderInit.seeded(seed));
    }
}
