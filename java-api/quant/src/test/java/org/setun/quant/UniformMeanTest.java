package org.setun.quant;

import java.util.Objects;
import java.util.TreeSet;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.kernels.Backend;
import org.setun.nn.BitLinear;
import org.setun.nn.Linear;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class UniformMeanTest extends QuantTest {

    private static float[] rounded(Backend backend, org.setun.kernels.Workspace workspace, UniformMean quantizer, Tensor w) {
        return Tape.evaluating(backend, workspace).apply(new FakeQuantWeight(quantizer, true), w).toArray();
    }

    /** Signal to noise as published for the optimal uniform quantizer of the normal distribution. */
    @ParameterizedTest
    @CsvSource({"1, 2, 4.40", "2, 4, 9.25", "3, 8, 14.27", "4, 16, 19.38", "8, 256, 40.34"})
    void levelsAndNoise(int bits, int levels, double decibels) {
        Tensor w = normal(0.3, 128, 1024);
        float[] exact = w.toArray();
        float[] values = rounded(backend, workspace, new UniformMean(bits, false), w);
        TreeSet<Float> used = new TreeSet<>();
        double signal = 0;
        double noise = 0;
        for (int i = 0; i < exact.length; i++) {
            used.add(values[i]);
            signal += exact[i] * exact[i];
            noise += (exact[i] - values[i]) * (exact[i] - values[i]);
        }
        assertThat(used.size()).as("the outermost of 256 levels are rare").isBetween(levels - levels / 50, levels);
        assertThat(used.getFirst()).isCloseTo(-used.getLast(), Offset.offset(used.getLast() * levels / 5000));
        assertThat(10 * Math.log10(signal / noise)).isCloseTo(decibels, Offset.offset(0.15));
    }

    @Test
    void oneBitIsTheMeanMagnitude() {
        Tensor w = Tensor.of(pool, new float[]{1, -2, 3, -6}, 2, 2);
        assertThat(rounded(backend, workspace, new UniformMean(1, false), w)).containsExactly(new float[]{3, -3, 3, -3},
                Offset.offset(1e-4f));
        assertThat(rounded(backend, workspace, new UniformMean(1, true), w)).containsExactly(new float[]{1.5f, -1.5f, 4.5f, -4.5f},
                Offset.offset(1e-4f));
    }

    @Test
    void layersComputeOnTheLevels() {
        Tensor x = normal(1, 4, 40);
        var w = parameter("w", normal(0.1, 6, 40));
        var b = parameter("b", normal(1, 6));
        for (boolean activations : new boolean[]{false, true}) {
            UniformMean quantizer = new UniformMean(3, true);
            Tape tape = Tape.recording(backend, workspace);
            tape.watch(x);
            w.clearGradient();
            Tensor dy = normal(1, 4, 6);
            Tensor y = new BitLinear(w, b, new Quantization(quantizer, activations ? new Int8Absmax() : null)).forward(tape, x);
            tape.backward(y, dy);
            float[] dx = Objects.requireNonNull(tape.gradient(x)).toArray();
            float[] dw = w.gradient().toArray();
            Tape other = Tape.recording(backend, workspace);
            Tensor xq = other.apply(new FakeQuantRows(new Int8Absmax(), activations), x);
            other.watch(xq);
            var wq = parameter("wq", other.apply(new FakeQuantWeight(quantizer, true), w.value()));
            Tensor expected = new Linear(wq, b).forward(other, xq);
            other.backward(expected, dy);
            assertThat(y.toArray()).containsExactly(expected.toArray());
            assertThat(dx).containsExactly(Objects.requireNonNull(other.gradient(xq)).toArray());
            assertThat(dw).containsExactly(wq.gradient().toArray());
            tape.reset();
        }
    }

    @Test
    void bitsOfAConfigurationChooseTheQuantizer() {
        assertThat(WeightQuantizers.ofBits(1.58, false)).isEqualTo(new TernaryAbsmean());
        assertThat(WeightQuantizers.ofBits(4, true)).isEqualTo(new UniformMean(4, true));
        assertThat(WeightQuantizers.ofBits(32, false)).isNull();
        for (double bits : new double[]{0, 1.5, 9, Double.NaN}) {
            assertThatThrownBy(() -> WeightQuantizers.ofBits(bits, false)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("bits = " + bits);
        }
        assertThatThrownBy(() -> WeightQuantizers.ofBits(1.58, true)).hasMessageContaining("one scale per matrix");
    }

    @Test
    void weightsThatAreNotFiniteGiveNan() {
        Tensor w = Tensor.of(pool, new float[]{1, Float.POSITIVE_INFINITY, 3, -6}, 2, 2);
        assertThat(rounded(backend, workspace, new UniformMean(2, false), w)).containsOnly(Float.NaN);
    }
}
