package org.setun.quant;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.NnOps;
import org.setun.kernels.QuantLevels;
import org.setun.nn.BitLinear;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.GradCheck;
import org.setun.nn.Linear;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.Shape;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;
import org.setun.quant.qat.FakeQuantizer;
import org.setun.quant.qat.LevelQuantizer;
import org.setun.quant.qat.ScaleRule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** The loss on weights that lie close to a boundary between two levels. */
class QuantizationUncertaintyTest extends QuantTest {

    private static final double NEAR = 0.1;

    private static WeightQuantizer quantizer(int bits) {
        return bits == 0 ? new TernaryAbsmean() : new UniformMean(bits, true);
    }

    private BitLinear layer(int bits) {
        return new BitLinear(parameter("w", normal(0.3, 16, 24)), null, new Quantization(quantizer(bits), null));
    }

    /** The share of weights within a tenth of a level's distance from a boundary, found by rounding twice. */
    private double boundaryMass(BitLinear layer) {
        float[] w = layer.weight().value().toArray();
        float[] scales = layer.quantizedWeight(backend).scales().toArray();
        int levels = layer.quantization().weights() instanceof UniformMean uniform ? 1 << uniform.bits() : 3;
        int near = 0;
        for (int i = 0; i < w.length; i++) {
            float scale = scales[scales.length == 1 ? 0 : i / (int) layer.inputs()];
            near += code(w[i] / scale + NEAR, levels) == code(w[i] / scale - NEAR, levels) ? 0 : 1;
        }
        return near / (double) w.length;
    }

    private static long code(double x, int levels) {
        return levels == 3 ? Math.clamp(Math.round(x), -1, 1) : Math.clamp((long) Math.floor(x), -levels / 2, levels / 2 - 1);
    }

    @Test
    void itIsOneOnABoundaryAndFallsWithTheDistance() {
        Tensor scales = Tensor.of(pool, new float[]{2}, 1);
        double[] expected = {1, 4 * Math.exp(1) / Math.pow(1 + Math.exp(1), 2), 0, 0};
        float[] weights = {1, 1.2f, 0, 50}; // boundaries at -1 and 1; a width is 0.2 of those units
        for (int i = 0; i < weights.length; i++) {
            Tape tape = Tape.evaluating(backend, workspace);
            double loss = tape.apply(new QuantizationUncertainty(-0.5, 2, scales, 0.1, 3), Tensor.of(pool, new float[]{weights[i]}, 1, 1))
                    .item();
            assertThat(loss).isCloseTo(3 * expected[i], within(0.1));
            tape.reset();
        }
        assertThatThrownBy(() -> new QuantizationUncertainty(0, 1, scales, 0, 1)).hasMessageContaining("width = 0");
        Tape tape = Tape.evaluating(backend, workspace);
        Tensor four = Tensor.of(pool, new float[4], 4);
        assertThatThrownBy(() -> tape.apply(new QuantizationUncertainty(0, 1, four, 1, 1), normal(1, 3, 2)))
                .hasMessageContaining("one per part");
    }

    /** Two bits of ParetoQ: levels -3/4, -1/4, 1/4, 3/4 of the scale, so boundaries at -1/2, 0, 1/2 of it. */
    @Test
    void levelsMayDivideTheScale() {
        Parameter weight = new Parameter("w", pool, true, Shape.of(2, 4));
        weight.load(new float[]{1, 0.5f, 0, -0.5f, 2, 1, 0.75f, -0.25f});
        LevelQuantizer quantizer = new FakeQuantizer(new FakeQuantRule(QuantLevels.stretched2Bit(), new Estimator.Identity()),
                ScaleRule.LARGEST, Granularity.CHANNEL);
        BitLinear layer = new BitLinear(weight, null, new Quantization(quantizer, null));
        QuantizationUncertainty sharp = QuantizationUncertainty.of(backend, layer, 0.001, 8);
        Tape tape = Tape.evaluating(backend, workspace);
        assertThat(tape.apply(sharp, weight.value()).item()).as("1/2, 0 and -1/2 of 1, and 1 of 2").isCloseTo(4, within(1e-3));
        tape.reset();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void theGradientIsThatOfTheLoss(int bits) {
        BitLinear layer = layer(bits);
        float[] w = layer.weight().value().toArray();
        QuantizationUncertainty term = QuantizationUncertainty.of(backend, layer, 0.15, 50);
        float[] scales = term.scales().toArray();
        for (int i = 0; i < w.length; i++) {
            float scale = scales[scales.length == 1 ? 0 : i / 24];
            double x = w[i] / scale - term.firstBoundary();
            w[i] += Math.abs(x - Math.floor(x) - 0.5) < 0.2 ? 0.25f * scale : 0; // away from the middle between two boundaries
        }
        GradCheck.run(backend, term, 1f / 256, Tensor.of(pool, w, 16, 24)).requireWithin(2e-2);
    }

    /** Descent on the term alone empties the surroundings of the boundaries. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void theTermDecreasesBoundaryMass(int bits) {
        BitLinear layer = layer(bits);
        double before = boundaryMass(layer);
        Tape tape = Tape.recording(backend, workspace);
        for (int step = 0; step < 60; step++) {
            tape.backward(tape.apply(QuantizationUncertainty.of(backend, layer, NEAR, 1), layer.weight().value()));
            tape.reset();
            float[] w = layer.weight().value().toArray();
            float[] gradient = layer.weight().gradient().toArray();
            for (int i = 0; i < w.length; i++) {
                w[i] -= 0.05f * w.length * 0.1f * gradient[i];
            }
            layer.weight().load(w);
            layer.weight().clearGradient();
        }
        assertThat(before).isGreaterThan(0.05);
        assertThat(boundaryMass(layer)).isLessThan(0.4 * before);
    }

    /** Beside the task's loss in training: fewer weights near a boundary, and the model still learns. */
    @Test
    void itEntersTheLossOfAModel() {
        double[] without = train(0);
        double[] with = train(0.05f);
        assertThat(with[0]).isLessThan(0.7 * without[0]);
        assertThat(with[1]).isLessThan(0.8 * Math.log(128));
    }

    /** Boundary mass and last loss. */
    private double[] train(float factor) {
        byte[] text = "the quick brown fox jumps over the lazy dog. ".repeat(4).getBytes(StandardCharsets.US_ASCII);
        Decoder decoder = new Decoder(new DecoderConfig(128, 32, 1, 4, 2, 8, 48, 64, NnOps.Glu.SILU, true, NnOps.Rope.HALVES, 10000, 1e-5f,
                true), TERNARY, pool, DecoderInit.seeded(7));
        Tape tape = Tape.recording(backend, workspace);
        Tensor one = Tensor.of(pool, new float[]{1}, 1);
        double last = 0;
        for (int step = 1; step <= 80; step++) {
            int[] ids = new int[25];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = text[(step * 11 + i) % text.length];
            }
            Tensor tokens = Tensor.of(workspace, Arrays.copyOf(ids, 24), 24);
            Tensor targets = Tensor.of(workspace, Arrays.copyOfRange(ids, 1, 25), 24);
            List<Tensor> losses = new ArrayList<>(List.of(decoder.loss(tape, tokens, targets, 1, 24, 24)));
            last = losses.getFirst().item();
            for (Linear linear : factor > 0 ? decoder.linears() : List.<Linear>of()) {
                losses.add(tape.apply(QuantizationUncertainty.of(backend, (BitLinear) linear, NEAR, factor), linear.weight().value()));
            }
            tape.backward(losses, Collections.nCopies(losses.size(), one));
            tape.reset();
            adamW(decoder, step, 3e-3f);
        }
        decoder.parameters().forEach(Parameter::clearGradient);
        return new double[]{decoder.linears().stream().mapToDouble(linear -> boundaryMass((BitLinear) linear)).average().orElseThrow(),
                last};
    }
}
