package org.setun.quant;

import java.util.Objects;
import java.util.TreeSet;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.setun.kernels.NnOps;
import org.setun.nn.DType;
import org.setun.nn.DecoderConfig;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.quant.activation.ActivationPresets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
        assertThat(QuantPresets.bitnetA48().quantization().activations()).isEqualTo(ActivationPresets.bitnetA48(0.55));
        assertThat(QuantPresets.bitnetV2Int4().quantization().activations()).isEqualTo(ActivationPresets.bitnetV2(4));
        assertThat(QuantPresets.bitnetV2().apply(base).activation()).isEqualTo(NnOps.Glu.SILU);
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
        assertThat(Tape.evaluating(backend, workspace).apply(new FakeQuantWeight(new TernaryAbsmean(), true), w).toArray())
                .containsOnly(Float.NaN);
        assertThat(w.type()).isEqualTo(DType.F32);
    }
}
