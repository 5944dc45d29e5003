package org.setun.quant;

import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.nn.BitLinear;
import org.setun.nn.Linear;
import org.setun.nn.Mlp;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.Shape;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.quant.pi.PiWeightQuantizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class PiWeightQuantizerTest extends QuantTest {

    private record Step(float value, float dw, float dalpha) {
    }

    /** One weight through the quantizer, forward and back, with the gradient 1. */
    private Step through(PiWeightQuantizer quantizer, float w, float alpha) {
        Tensor latent = Tensor.of(pool, new float[]{w}, 1, 1);
        Tensor scale = Tensor.of(pool, new float[]{alpha}, 1);
        Tape tape = Tape.recording(backend, workspace);
        tape.watch(latent);
        tape.watch(scale);
        Tensor y = tape.apply(new FakeQuantWeight(quantizer, true), latent, scale);
        float value = y.toArray()[0];
        tape.backward(y, Tensor.of(pool, new float[]{1}, 1, 1));
        Step step = new Step(value, gradient(tape, latent), gradient(tape, scale));
        tape.reset();
        return step;
    }

    private static float gradient(Tape tape, Tensor of) {
        Tensor gradient = tape.gradient(of);
        return gradient == null ? 0 : gradient.toArray()[0];
    }

    /** α = k / π makes the step 1 but for its last bit: 3 bits, Qn = -4, Qp = 3. dα is (q - z) or q, times π / k / sqrt(3). */
    @ParameterizedTest
    @CsvSource({"-5, -4, 0, -4", "-3.9, -4, 1, -0.1", "-3.4, -3, 1, 0.4", "-0.4, 0, 1, 0.4", "0, 0, 1, 0", "0.4, 0, 1, -0.4",
            "0.6, 1, 1, 0.4", "1.4, 1, 1, -0.4", "2.9, 3, 1, 0.1", "3.1, 3, 0, 3", "4, 3, 0, 3", "Infinity, 3, 0, 3",
            "-Infinity, -4, 0, -4"})
    void levelsAndGradients(float z, float level, float dw, float dalpha) {
        for (int k = 2; k <= 5; k++) {
            Step step = through(PiWeightQuantizer.ofBits(3, k, Granularity.TENSOR), z, (float) (k / Math.PI));
            assertThat(step.value).isCloseTo(level, Offset.offset(1e-6f));
            assertThat(step.dw).isEqualTo(dw);
            assertThat((double) step.dalpha).isCloseTo(dalpha * Math.PI / k / Math.sqrt(3), Offset.offset(1e-5));
        }
    }

    /** On the kinks themselves, with an exact step: Qn and Qp count as outside, and a half goes to the even code. */
    @ParameterizedTest
    @CsvSource({"-4, -4, 0, -4", "-3.5, -4, 1, -0.5", "0.5, 0, 1, -0.5", "1.5, 2, 1, 0.5", "2.5, 2, 1, -0.5", "3, 3, 0, 3"})
    void kinks(float z, float level, float dw, float dalpha) {
        PiWeightQuantizer quantizer = PiWeightQuantizer.ofBits(3, 4, Granularity.TENSOR);
        float alpha = 1;
        float step = (float) (Math.PI / 4);
        assertThat(z * step * (1 / step)).as("exact there and back").isEqualTo(z);
        Step through = through(quantizer, z * step, alpha);
        assertThat(through.value).isEqualTo(level * step);
        assertThat(through.dw).isEqualTo(dw);
        assertThat((double) through.dalpha).isCloseTo(dalpha * Math.PI / 4 / Math.sqrt(3), Offset.offset(1e-6));
    }

    @Test
    void notANumberReachesValueAndScale() {
        PiWeightQuantizer quantizer = PiWeightQuantizer.ofBits(2, 3, Granularity.TENSOR);
        assertThat(through(quantizer, Float.NaN, 1)).isEqualTo(new Step(Float.NaN, 0, Float.NaN));
        assertThat(through(quantizer, 1, Float.NaN).value).isNaN();
        assertThat(through(quantizer, 1, -3).value).as("an α below zero is the least one").isPositive().isLessThan(1e-7f);
    }

    /**
     * Finite differences in fp64 of the function whose gradient is claimed: rounding held where it is (its error c = q - z frozen), the
     * clamp as it is.
     */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 5})
    void finiteDifferences(int bits) {
        PiWeightQuantizer quantizer = PiWeightQuantizer.ofBits(bits, 4, Granularity.TENSOR);
        double h = 1e-5;
        int checked = 0;
        for (double w = -4; w < 4; w += 0.0371) {
            double alpha = 0.73;
            double z = w / (alpha * Math.PI / 4);
            if (Math.abs(z - quantizer.lowest()) < 0.01 || Math.abs(z - quantizer.highest()) < 0.01
                    || Math.abs(Math.abs(z % 1) - 0.5) < 0.01) {
                continue; // kinks have tests of their own
            }
            double clamped = Math.clamp(z, quantizer.lowest(), quantizer.highest());
            double c = Math.rint(clamped) - clamped;
            double dw = (smooth(quantizer, w + h, alpha, c) - smooth(quantizer, w - h, alpha, c)) / (2 * h);
            double dalpha = (smooth(quantizer, w, alpha + h, c) - smooth(quantizer, w, alpha - h, c)) / (2 * h);
            Step step = through(quantizer, (float) w, (float) alpha);
            assertThat((double) step.value).isCloseTo(smooth(quantizer, w, alpha, c), Offset.offset(1e-5));
            assertThat((double) step.dw).isCloseTo(dw, Offset.offset(1e-4));
            assertThat(step.dalpha * Math.sqrt(quantizer.highest())).isCloseTo(dalpha, Offset.offset(1e-4 * (1 + Math.abs(dalpha))));
            checked++;
        }
        assertThat(checked).isGreaterThan(150);
    }

    private static double smooth(PiWeightQuantizer quantizer, double w, double alpha, double c) {
        double s = alpha * Math.PI / quantizer.k();
        return s * (Math.clamp(w / s, quantizer.lowest(), quantizer.highest()) + c);
    }

    /** The layer's gradients are those of the product of the quantized weight, through the quantizer; scales follow the granularity. */
    @ParameterizedTest
    @EnumSource
    void layersLearnTheirScales(Granularity granularity) {
        for (PiWeightQuantizer quantizer : List.of(PiWeightQuantizer.ofBits(3, 4, granularity),
                PiWeightQuantizer.ternary(3, granularity))) {
            var w = parameter("w", normal(0.1, 6, 512));
            BitLinear layer = new BitLinear(w, null, new Quantization(quantizer, null));
            Parameter scale = layer.scale();
            assertThat(scale).isNotNull();
            assertThat(scale.name()).isEqualTo("w.scale");
            assertThat(scale.decay()).isFalse();
            assertThat(layer.parameters()).containsExactly(w, scale);
            assertThat(scale.shape()).isEqualTo(Shape.of(switch (granularity) {
                case TENSOR -> 1;
                case CHANNEL -> 6;
                case BLOCK -> 12;
            }));
            Tensor x = normal(1, 4, 512);
            Tensor dy = normal(1, 4, 6);
            Tape tape = Tape.recording(backend, workspace);
            Tensor y = layer.forward(tape, x);
            tape.backward(y, dy);
            Tape other = Tape.recording(backend, workspace);
            Tensor latent = Tensor.of(pool, w.value().toArray(), 6, 512);
            Tensor alpha = Tensor.of(pool, scale.value().toArray(), scale.shape().size());
            other.watch(latent);
            other.watch(alpha);
            Tensor values = other.apply(new FakeQuantWeight(quantizer, true), latent, alpha);
            var plain = parameter("values", values);
            Tape product = Tape.recording(backend, workspace);
            Tensor expected = new Linear(plain, null).forward(product, x);
            product.backward(expected, dy);
            other.backward(values, plain.gradient());
            assertThat(y.toArray()).containsExactly(expected.toArray());
            assertThat(w.gradient().toArray()).containsExactly(other.gradient(latent).toArray());
            assertThat(scale.gradient().toArray()).containsExactly(other.gradient(alpha).toArray());
            float before = y.toArray()[0];
            scale.value().segment().fill((byte) 0);
            scale.markChanged();
            assertThat(layer.forward(Tape.evaluating(backend, workspace), x).toArray()[0]).as("new codes for a new α").isNotEqualTo(before);
            tape.reset();
        }
    }

    /** A layer of two-bit weights learns a linear map, and its scales move with it. */
    @Test
    void aLayerLearnsWithItsScales() {
        Mlp model = new Mlp(List.of(256L, 4L), false,
                new Quantization(PiWeightQuantizer.ofBits(2, 3, Granularity.CHANNEL), null), pool, 3);
        BitLinear layer = (BitLinear) model.linears().getFirst();
        float[] start = Objects.requireNonNull(layer.scale()).value().toArray();
        Tensor x = uniform(64, 256);
        Tape product = Tape.evaluating(backend, workspace);
        float[] target = new Linear(parameter("teacher", normal(0.1, 4, 256)), null).forward(product, x).toArray();
        double first = 0;
        double loss = 0;
        for (int t = 1; t <= 80; t++) {
            Tape tape = Tape.recording(backend, workspace);
            Tensor y = layer.forward(tape, x);
            float[] dy = y.toArray();
            loss = 0;
            for (int i = 0; i < dy.length; i++) {
                dy[i] -= target[i];
                loss += dy[i] * dy[i];
            }
            first = t == 1 ? loss : first;
            tape.backward(y, Tensor.of(pool, dy, 64, 4));
            adamW(model, t, 0.005f);
            tape.reset();
        }
        assertThat(loss).isLessThan(0.4 * first);
        float[] end = layer.scale().value().toArray();
        for (int i = 0; i < start.length; i++) {
            assertThat(end[i]).isNotEqualTo(start[i]).isPositive();
        }
    }

    private Tensor uniform(int rows, int columns) {
        SplittableRandom inputs = new SplittableRandom(5);
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) inputs.nextDouble(-1, 1);
        }
        return Tensor.of(pool, values, rows, columns);
    }

    @Test
    void startsAndRefusals() {
        Tensor w = Tensor.of(pool, new float[]{1, -2, 3, -6}, 2, 2);
        Tensor scales = Tensor.of(pool, new float[2], 2);
        PiWeightQuantizer.ofBits(3, 4, Granularity.CHANNEL).initialize(w, scales);
        double half = 4 / Math.PI / Math.sqrt(3);
        assertThat(scales.toArray()).containsExactly(new float[]{(float) (3 * half), (float) (9 * half)}, Offset.offset(1e-5f));
        assertThat(PiWeightQuantizer.ternary(3, Granularity.TENSOR).name()).isEqualTo("pi[-1..1]-k3-tensor");
        assertThatThrownBy(() -> PiWeightQuantizer.ofBits(6, 3, Granularity.TENSOR)).hasMessageContaining("bits = 6");
        assertThatThrownBy(() -> PiWeightQuantizer.ofBits(2, 6, Granularity.TENSOR)).hasMessageContaining("k = 6");
        assertThatThrownBy(() -> new PiWeightQuantizer(0, 1, 3, Granularity.TENSOR)).hasMessageContaining("codes [0, 1]");
        assertThatThrownBy(() -> PiWeightQuantizer.ofBits(2, 3, Granularity.BLOCK).allocate(pool, 2, 100))
                .hasMessageContaining("inputs = 100");
    }
}
