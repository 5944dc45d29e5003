package org.setun.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Objects;
import java.util.TreeSet;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.setun.kernels.Backend;
import org.setun.kernels.NnOps;
import org.setun.nn.DType;
import org.setun.nn.DecoderConfig;
import org.setun.nn.Quantization;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;

class QuantizersTest extends QuantTest {

    /** Closed forms for the normal distribution. */
    @Test
    void absmeanOfNormalWeightsHasTheKnownFigures() {
        Tensor w = normal(0.5, 256, 1024);
        Tape tape = Tape.evaluating(backend, workspace);
        float[] exact = w.toArray();
        float[] rounded = tape.apply(new FakeQuantWeight(new TernaryAbsmean(), true), w).toArray();
        double signal = 0;
        double noise = 0;
        int zeros = 0;
        TreeSet<Float> levels = new TreeSet<>();
        for (int i = 0; i < exact.length; i++) {
            signal += exact[i] * exact[i];
            noise += (exact[i] - rounded[i]) * (exact[i] - rounded[i]);
            zeros += rounded[i] == 0 ? 1 : 0;
            levels.add(rounded[i] + 0f);
        }
        assertThat(levels).hasSize(3);
        assertThat(levels.getLast()).isEqualTo(-levels.getFirst()).isCloseTo(0.5f * 0.7979f, Offset.offset(0.002f));
        assertThat((double) zeros / exact.length).isCloseTo(0.3101, Offset.offset(0.004));
        assertThat(10 * Math.log10(signal / noise)).isCloseTo(5.79, Offset.offset(0.05));
    }

    @Test
    void fakeQuantizationPassesGradientsUnchangedAndIsTheIdentityWhenDisabled() {
        Tensor w = normal(1, 6, 10);
        Tensor dy = normal(1, 6, 10);
        for (boolean enabled : new boolean[]{true, false}) {
            for (org.setun.nn.Function function : new org.setun.nn.Function[]{new FakeQuantWeight(new TernaryAbsmean(), enabled),
                    new FakeQuantRows(new Int8Absmax(), enabled)}) {
                Tape tape = Tape.recording(backend, workspace);
                tape.watch(w);
                Tensor y = tape.apply(function, w);
                if (enabled) {
                    assertThat(y.toArray()).isNotEqualTo(w.toArray());
                    float[] once = y.toArray();
                    assertThat(once).isNotEqualTo(w.toArray());
                } else {
                    assertThat(y.toArray()).containsExactly(w.toArray());
                }
                tape.backward(y, dy);
                assertThat(Objects.requireNonNull(tape.gradient(w)).toArray()).containsExactly(dy.toArray());
                tape.reset();
            }
        }
    }

    @Test
    void int8RoundsWithinHalfAStepAndKeepsTheLargest() {
        Tensor x = normal(3, 4, 100);
        float[] rounded = Tape.evaluating(backend, workspace).apply(new FakeQuantRows(new Int8Absmax(), true), x).toArray();
        float[] exact = x.toArray();
        for (int row = 0; row < 4; row++) {
            float largest = 0;
            for (int i = 0; i < 100; i++) {
                largest = Math.max(largest, Math.abs(exact[row * 100 + i]));
            }
            for (int i = 0; i < 100; i++) {
                assertThat(rounded[row * 100 + i]).isCloseTo(exact[row * 100 + i], Offset.offset(largest / 127 * 0.5001f));
            }
        }
    }

    /** A quantizer with an estimator of its own: the gradient of weights beyond 1 is 0. */
    private record Clipped(TernaryAbsmean inner) implements WeightQuantizer {
        @Override
        public String name() {
            return "clipped";
        }

        @Override
        public QuantizedWeight allocate(org.setun.kernels.Allocator allocator, long outputs, long inputs) {
            return inner.allocate(allocator, outputs, inputs);
        }

        @Override
        public void quantize(Backend backend, Tensor latent, QuantizedWeight into) {
            inner.quantize(backend, latent, into);
        }

        @Override
        public boolean isStraightThrough() {
            return false;
        }

        @Override
        public void backward(Backend backend, Tensor latent, QuantizedWeight weight, Tensor gradient) {
            float[] w = latent.toArray();
            float[] g = gradient.toArray();
            for (int i = 0; i < w.length; i++) {
                g[i] = Math.abs(w[i]) > 1 ? 0 : g[i];
            }
            gradient.copyFrom(g);
        }
    }

    @Test
    void anEstimatorOfTheUsersOwnShapesTheGradientInLayersAndFakeQuantization() {
        Tensor w = normal(1, 6, 10);
        Tensor dy = normal(1, 6, 10);
        Tape tape = Tape.recording(backend, workspace);
        tape.watch(w);
        tape.backward(tape.apply(new FakeQuantWeight(new Clipped(new TernaryAbsmean()), true), w), dy);
        float[] masked = Objects.requireNonNull(tape.gradient(w)).toArray();
        float[] values = w.toArray();
        int clipped = 0;
        for (int i = 0; i < values.length; i++) {
            assertThat(masked[i]).isEqualTo(Math.abs(values[i]) > 1 ? 0 : dy.toArray()[i]);
            clipped += Math.abs(values[i]) > 1 ? 1 : 0;
        }
        assertThat(clipped).isPositive();
        tape.reset();

        var straight = parameter("straight", w);
        var own = parameter("own", w);
        Tensor x = normal(1, 3, 10);
        Tensor gradient = normal(1, 3, 6);
        for (int pass = 0; pass < 2; pass++) { // the second pass adds
            tape.backward(new org.setun.nn.BitLinear(straight, null, TERNARY).forward(tape, x), gradient);
            tape.reset();
            Quantization quantization = new Quantization(new Clipped(new TernaryAbsmean()), TERNARY.activations());
            tape.backward(new org.setun.nn.BitLinear(own, null, quantization).forward(tape, x), gradient);
            tape.reset();
        }
        float[] all = straight.gradient().toArray();
        float[] some = own.gradient().toArray();
        for (int i = 0; i < values.length; i++) {
            assertThat(some[i]).isCloseTo(Math.abs(values[i]) > 1 ? 0 : all[i], Offset.offset(1e-6f));
        }
    }

    @Test
    void presetsAreWhatTheirPapersSay() {
        DecoderConfig base = new DecoderConfig(16, 8, 1, 2, 1, 4, 12, 32, NnOps.Glu.SILU, false, NnOps.Rope.HALVES, 10000, 1e-5f, true);
        DecoderConfig paper = QuantPresets.bitnet158().apply(base);
        assertThat(paper).isEqualTo(base);
        assertThat(QuantPresets.bitnet158().quantization()).isEqualTo(new Quantization(new TernaryAbsmean(), new Int8Absmax()));
        DecoderConfig optimized = QuantPresets.bitnetOptimized().apply(base);
        assertThat(optimized.subNorms()).isTrue();
        assertThat(optimized.activation()).isEqualTo(NnOps.Glu.RELU2);
        assertThat(QuantPresets.bitnetSwiglu().apply(base).activation()).isEqualTo(NnOps.Glu.SILU);
        assertThat(QuantPresets.fullPrecision().quantization().isNone()).isTrue();
        assertThat(QuantPresets.fullPrecision().apply(base)).isEqualTo(optimized);
        for (QuantPresets.Preset preset : QuantPresets.all()) {
            assertThat(QuantPresets.named(preset.name())).isEqualTo(preset);
        }
        assertThatThrownBy(() -> QuantPresets.named("bitnet")).hasMessageContaining("bitnet158, bitnet-optimized");
    }

    @Test
    void aWeightWithNanGivesNanAndNeverGarbage() {
        float[] values = normal(1, 3, 8).toArray();
        values[5] = Float.NaN;
        Tensor w = Tensor.of(pool, values, 3, 8);
        assertThat(Tape.evaluating(backend, workspace).apply(new FakeQuantWeight(new TernaryAbsmean(), true), w).toArray()).containsOnly(Float.NaN);
        assertThat(w.type()).isEqualTo(DType.F32);
    }
}
