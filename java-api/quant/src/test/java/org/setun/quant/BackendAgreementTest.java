package org.setun.quant;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.kernels.Workspace;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Parameter;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;

import static org.assertj.core.api.Assertions.assertThat;

/** One pass of a ternary decoder on different backends. */
class BackendAgreementTest {

    private static final DecoderConfig CONFIG = new DecoderConfig(96, 64, 2, 4, 2, 16, 160, 48, NnOps.Glu.RELU2, true, NnOps.Rope.HALVES,
            10000,
            1e-5f, true);

    /** The loss, then the gradients of all parameters. */
    private static List<float[]> pass(Backend backend) {
        try (backend; MemoryPool pool = new MemoryPool(backend); Workspace workspace = new Workspace(backend)) {
            Decoder decoder = new Decoder(CONFIG, QuantPresets.bitnetOptimized().quantization(), pool, DecoderInit.seeded(3));
            int[] ids = new SplittableRandom(9).ints(3 * 48, 0, CONFIG.vocab()).toArray();
            Tensor tokens = Tensor.of(workspace, ids, ids.length);
            Tape tape = Tape.recording(backend, workspace);
            Tensor loss = decoder.loss(tape, tokens, tokens, 3, 48, ids.length);
            List<float[]> results = new ArrayList<>(List.of(new float[]{(float) loss.item()}));
            tape.backward(loss);
            for (Parameter parameter : decoder.parameters()) {
                results.add(parameter.gradient().toArray());
            }
            return results;
        }
    }

    @Test
    void theNumberOfThreadsChangesNoBit() {
        List<float[]> one = pass(QuantTest.nativeOrSkip(1));
        List<float[]> three = pass(QuantTest.nativeOrSkip(3));
        for (int i = 0; i < one.size(); i++) {
            assertThat(three.get(i)).containsExactly(one.get(i));
        }
    }

    /** A value near the boundary of two codes can get either of them after other roundings: so the bound is not one of ulps. */
    @Test
    void nativeAndReferenceAgree() {
        List<float[]> reference = pass(new ReferenceBackend());
        List<float[]> kernels = pass(QuantTest.nativeOrSkip(2));
        assertThat(kernels.getFirst()[0]).isCloseTo(reference.getFirst()[0], Offset.offset(1e-4f));
        for (int i = 1; i < reference.size(); i++) {
            double difference = 0;
            double size = 0;
            for (int j = 0; j < reference.get(i).length; j++) {
                difference += Math.pow(kernels.get(i)[j] - reference.get(i)[j], 2);
                size += Math.pow(reference.get(i)[j], 2);
            }
            assertThat(Math.sqrt(difference / size)).isLessThan(1e-2);
        }
    }
}
