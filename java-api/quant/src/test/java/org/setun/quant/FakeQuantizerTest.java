package org.setun.quant;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.BitLinear;
import org.setun.nn.DType;
import org.setun.nn.Linear;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Shape;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;
import org.setun.quant.pi.PiWeightQuantizer;
import org.setun.quant.qat.FakeQuantizer;
import org.setun.quant.qat.LearnedFakeQuantizer;
import org.setun.quant.qat.ScaleRule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** Quantizers of levels, estimators and scale rules in layers. */
class FakeQuantizerTest extends QuantTest {

    private static FakeQuantRule rule(QuantLevels levels, Estimator estimator) {
        return new FakeQuantRule(levels, estimator);
    }

    private float[] rounded(WeightQuantizer quantizer, Tensor w) {
        Tape tape = Tape.recording(backend, workspace);
        float[] values = tape.apply(new FakeQuantWeight(quantizer, true), w).toArray();
        tape.reset();
        return values;
    }

    private Linear layer(WeightQuantizer quantizer, long outputs, long inputs) {
        Parameter weight = new Parameter("w", pool, true, Shape.of(outputs, inputs));
        weight.load(normal(0.5, outputs, inputs).toArray());
        return Linear.of(weight, null, new Quantization(quantizer, new Int8Absmax()));
    }

    @Test
    void ternaryAbsmeanIsThatOfBitNetAndRunsOnPackedCodes() {
        Tensor w = normal(0.7, 24, 40);
        FakeQuantizer quantizer = new FakeQuantizer(rule(QuantLevels.ternary(), new Estimator.Identity()), ScaleRule.ABSMEAN,
                Granularity.TENSOR);
        assertThat(rounded(quantizer, w)).containsExactly(rounded(new TernaryAbsmean(), w), within(1e-6f));
        QuantizedWeight fitted = quantizer.allocate(pool, 24, 40);
        quantizer.quantize(backend, w, fitted);
        assertThat(fitted.hasIntegerProduct()).isTrue();
        quantizer.withRule(quantizer.rule().withMix(0.5f)).quantize(backend, w, fitted);
        assertThat(fitted.hasIntegerProduct()).as("a mixed weight is no code").isFalse();
        Tensor x = normal(1, 5, 40);
        float[][] outputs = new float[2][];
        int i = 0;
        for (WeightQuantizer each : List.of(quantizer, new TernaryAbsmean())) {
            Parameter weight = new Parameter("w", pool, true, Shape.of(24, 40));
            weight.load(w.toArray());
            Tape tape = Tape.recording(backend, workspace);
            outputs[i++] = Linear.of(weight, null, new Quantization(each, new Int8Absmax())).forward(tape, x).toArray();
            tape.reset();
        }
        assertThat(outputs[0]).containsExactly(outputs[1], within(1e-5f));
    }

    @Test
    void scalesByHand() {
        float[] v = {-4, 1, 0, 2, -1, 100};
        Tensor w = Tensor.of(pool, v, 1, 6);
        assertThat(scale(ScaleRule.ABSMEAN, QuantLevels.ternary(), w)).isEqualTo(18);
        assertThat(scale(ScaleRule.ABSMEDIAN, QuantLevels.ternary(), w)).isEqualTo(1.5f);
        assertThat(scale(ScaleRule.ABSMAX, QuantLevels.signed(3), w)).isEqualTo(25);
        assertThat(scale(ScaleRule.LARGEST, QuantLevels.stretched2Bit(), w)).isEqualTo(100);
        assertThat(scale(ScaleRule.LSQ, QuantLevels.signed(4), w)).isEqualTo((float) (36 / Math.sqrt(7)));
        double mean = 98 / 6.0;
        double deviation = Math.sqrt((16 + 1 + 4 + 1 + 10_000) / 6.0 - mean * mean);
        assertThat(scale(ScaleRule.THREE_SIGMA, QuantLevels.signed(3), w)).isCloseTo((float) ((mean + 3 * deviation) / 4), within(1e-4f));
        assertThat(scale(ScaleRule.ABSMEAN, QuantLevels.ternary(), Tensor.of(pool, new float[]{0, 0}, 1, 2))).isEqualTo(ScaleRule.LEAST);
        for (ScaleRule each : ScaleRule.values()) {
            assertThat(scale(each, QuantLevels.ternary(), Tensor.of(pool, new float[]{1, Float.NaN, 2}, 1, 3))).as(each.name()).isNaN();
            assertThat(scale(each, QuantLevels.ternary(), Tensor.of(pool, new float[]{1, Float.POSITIVE_INFINITY}, 1, 2))).as(each.name())
                    .isNaN();
        }
    }

    private static float scale(ScaleRule rule, QuantLevels levels, Tensor w) {
        return rule.of(levels, w.segment(), 0, w.size());
    }

    @Test
    void learnedStepsAreThoseOfLsqAndOfPiUpToItsUnit() {
        Tensor w = normal(0.6, 6, 32);
        Tensor dy = normal(1, 6, 32);
        LearnedFakeQuantizer lsq = new LearnedFakeQuantizer(rule(QuantLevels.signed(3), new Estimator.Lsq(0)), ScaleRule.LSQ,
                Granularity.CHANNEL);
        PiWeightQuantizer pi = PiWeightQuantizer.ofBits(3, 4, Granularity.CHANNEL);
        Tensor steps = Tensor.of(pool, new float[6], 6);
        Tensor alphas = Tensor.of(pool, new float[6], 6);
        lsq.initialize(w, steps);
        pi.initialize(w, alphas);
        float unit = (float) (Math.PI / 4);
        float[] lsqScale = gradients(lsq, w, steps, dy)[1];
        float[][] ofPi = gradients(pi, w, alphas, dy);
        assertThat(gradients(lsq, w, steps, dy)[0]).containsExactly(ofPi[0], within(1e-6f));
        for (int i = 0; i < 6; i++) {
            float step = (float) Math.exp(steps.toArray()[i]);
            assertThat(step).isCloseTo(alphas.toArray()[i] * unit, within(1e-6f));
            assertThat(lsqScale[i] / step * unit).as("that of the logarithm").isCloseTo(ofPi[1][i], within(1e-5f));
        }
    }

    /** LSQ+ of a weight, by channel, against the paper's formulas in fp64. */
    @Test
    void learnedOffsetsOfWeights() {
        LearnedFakeQuantizer quantizer = new LearnedFakeQuantizer(rule(QuantLevels.signed(3), new Estimator.Lsq(0)), ScaleRule.LSQ,
                Granularity.CHANNEL, true);
        Tensor w = normal(0.6, 4, 24);
        Tensor dy = normal(1, 4, 24);
        Tensor learned = Tensor.allocate(pool, DType.F32, quantizer.scaleShape(4, 24));
        assertThat(learned.shape()).isEqualTo(Shape.of(2, 4));
        quantizer.initialize(w, learned);
        float[] numbers = learned.toArray();
        for (int i = 0; i < 4; i++) {
            assertThat(numbers[4 + i]).isZero();
            numbers[4 + i] = 0.5f * i - 0.7f;
        }
        learned = Tensor.of(pool, numbers, 2, 4);
        QuantizedWeight weight = quantizer.allocate(pool, 4, 24);
        quantizer.quantize(backend, w, learned, weight);
        Tensor values = Tensor.allocate(pool, DType.F32, 4, 24);
        weight.expand(backend, values);
        float[][] gradients = gradients(quantizer, w, learned, dy);
        for (int row = 0; row < 4; row++) {
            double s = Math.exp(numbers[row]);
            double b = numbers[4 + row] * s;
            double byScale = 0;
            double byOffset = 0;
            for (int i = row * 24; i < row * 24 + 24; i++) {
                double z = (w.toArray()[i] - b) / s;
                double q = Math.rint(Math.clamp(z, -4, 3));
                double g = dy.toArray()[i];
                boolean inside = z > -4 && z < 3;
                assertThat((double) values.toArray()[i]).isCloseTo(q * s + b, within(1e-5));
                assertThat(gradients[0][i]).isEqualTo(inside ? (float) g : 0);
                byScale += inside ? g * (q - z) : g * q;
                byOffset += inside ? 0 : g;
            }
            double factor = 1 / Math.sqrt(24 * 3);
            assertThat((double) gradients[1][row]).isCloseTo(factor * (s * byScale + b * byOffset), within(1e-4));
            assertThat((double) gradients[1][4 + row]).isCloseTo(factor * s * byOffset, within(1e-4));
        }
    }

    /** Noise of a step's share on what was rounded: uniform, of the variance it must have, and no gradient changes. */
    @Test
    void noiseFactor() {
        Tensor w = normal(1, 64, 256);
        FakeQuantRule exact = rule(QuantLevels.signed(4), new Estimator.Identity());
        FakeQuantRule noisy = new FakeQuantRule(exact.levels(), exact.estimator(), 1, 0.1f, 1, 0, 7);
        FakeQuantizer quantizer = new FakeQuantizer(exact, ScaleRule.ABSMAX, Granularity.TENSOR);
        float step = ScaleRule.ABSMAX.of(exact.levels(), w.segment(), 0, w.size());
        float[] rounded = rounded(quantizer, w);
        float[] with = rounded(quantizer.withRule(noisy), w);
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < rounded.length; i++) {
            double noise = with[i] - rounded[i];
            assertThat(Math.abs(noise)).isLessThanOrEqualTo(0.0501 * step);
            sum += noise;
            squares += noise * noise;
        }
        double variance = 0.01 * step * step / 12;
        assertThat(squares / rounded.length).isCloseTo(variance, within(0.05 * variance));
        assertThat(sum / rounded.length).isCloseTo(0, within(4 * Math.sqrt(variance / rounded.length)));
        assertThat(quantizer.withRule(noisy).isStraightThrough()).isTrue();
        assertThat(rounded(quantizer.withRule(noisy.rounded()), w)).as("evaluated without noise").containsExactly(rounded);
    }

    private float[][] gradients(org.setun.nn.LearnedScaleQuantizer quantizer, Tensor w, Tensor scales, Tensor dy) {
        Tensor gradient = Tensor.of(pool, dy.toArray(), dy.rows(), dy.columns());
        Tensor scaleGradient = Tensor.of(pool, new float[Math.toIntExact(scales.size())], scales.size());
        quantizer.backward(backend, w, scales, gradient, scaleGradient);
        return new float[][]{gradient.toArray(), scaleGradient.toArray()};
    }

    static Stream<WeightQuantizer> trainable() {
        return Stream.of(new FakeQuantizer(rule(QuantLevels.ternary(), new Estimator.Clipped(2)), ScaleRule.ABSMEDIAN, Granularity.TENSOR),
                new FakeQuantizer(rule(QuantLevels.binary(), new Estimator.ReSte(2, 0.1f, 1.5f)), ScaleRule.ABSMEAN, Granularity.CHANNEL),
                new FakeQuantizer(rule(QuantLevels.symmetric(4), new Estimator.Ewgs(0.1f)), ScaleRule.ABSMAX, Granularity.CHANNEL),
                new FakeQuantizer(rule(QuantLevels.ternary(), new Estimator.Staircase(0.2f, false)), ScaleRule.ABSMEAN, Granularity.TENSOR),
                new FakeQuantizer(rule(QuantLevels.signed(2), new Estimator.Dsq(0.2f, true)), ScaleRule.LSQ, Granularity.TENSOR),
                new FakeQuantizer(rule(QuantLevels.ternary(), new Estimator.Gumbel(0.5f, 0.2f, true)).withSeed(1), ScaleRule.ABSMEAN,
                        Granularity.TENSOR),
                new LearnedFakeQuantizer(rule(QuantLevels.stretchedTernary(), new Estimator.Lsq(0.99f)), ScaleRule.LARGEST,
                        Granularity.CHANNEL),
                new LearnedFakeQuantizer(rule(QuantLevels.signed(3), new Estimator.Lsq(0)), ScaleRule.LSQ, Granularity.TENSOR));
    }

    /** A layer learns to give what another of its kind gives. */
    @ParameterizedTest
    @MethodSource("trainable")
    void layersLearn(WeightQuantizer quantizer) {
        Linear teacher = layer(quantizer, 8, 32);
        Linear student = layer(quantizer, 8, 32);
        double first = 0;
        double last = 0;
        for (int step = 0; step < 80; step++) {
            Tensor x = normal(1, 16, 32);
            Tape tape = Tape.recording(backend, workspace);
            float[] wanted = teacher.forward(tape, x).toArray();
            tape.reset();
            Tensor y = student.forward(tape, x);
            float[] out = y.toArray();
            float[] dy = new float[out.length];
            double loss = 0;
            for (int i = 0; i < out.length; i++) {
                dy[i] = (out[i] - wanted[i]) / out.length;
                loss += (out[i] - wanted[i]) * (double) (out[i] - wanted[i]) / out.length;
            }
            tape.backward(y, Tensor.of(pool, dy, 16, 8));
            tape.reset();
            first = step == 0 ? loss : first;
            last = loss;
            for (Parameter parameter : student.parameters()) {
                float[] value = parameter.value().toArray();
                float[] gradient = parameter.gradient().toArray();
                for (int i = 0; i < value.length; i++) {
                    value[i] -= (parameter.decay() ? 1f : 0.05f) * gradient[i];
                }
                parameter.load(value);
                parameter.clearGradient();
            }
        }
        assertThat(last).as("from %s", first).isLessThan(0.6 * first);
        assertThat(((BitLinear) student).quantization().weights()).isEqualTo(quantizer);
    }
}
