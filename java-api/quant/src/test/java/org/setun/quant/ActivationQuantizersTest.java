package org.setun.quant;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.Initializer;
import org.setun.nn.Linear;
import org.setun.nn.Parameter;
import org.setun.nn.Precision;
import org.setun.nn.Quantization;
import org.setun.nn.QuantizedRows;
import org.setun.nn.Shape;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;
import org.setun.quant.activation.ActivationPresets;
import org.setun.quant.activation.ActivationRange;
import org.setun.quant.activation.HadamardRows;
import org.setun.quant.activation.LearnedRows;
import org.setun.quant.activation.RangeRule;
import org.setun.quant.activation.RangeSource;
import org.setun.quant.activation.SparseRows;
import org.setun.quant.activation.TrackedRows;
import org.setun.quant.activation.UniformRows;
import org.setun.quant.qat.FakeQuantizer;
import org.setun.quant.qat.ScaleRule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Quantizers of activations: values, gradients, and what layers make of them. */
class ActivationQuantizersTest extends QuantTest {

    private final Initializer initializer = new Initializer(pool, 1);

    static Stream<ActivationQuantizer> quantizers() {
        return Stream.of(UniformRows.ofBits(8, true), UniformRows.ofBits(8, false), UniformRows.ofBits(4, false),
                UniformRows.ofBits(2, true),
                UniformRows.int4(), new UniformRows(QuantLevels.signed(5), RangeRule.MIN_MAX, Granularity.TENSOR),
                new UniformRows(QuantLevels.symmetric(8), RangeRule.ABSMAX, Granularity.TENSOR),
                new SparseRows(new Int8Absmax(), 0.55), new SparseRows(UniformRows.ofBits(8, false), 0.3),
                new HadamardRows(UniformRows.int4()), LearnedRows.lsq(QuantLevels.symmetric(4), false),
                LearnedRows.lsq(QuantLevels.signed(8), true), LearnedRows.pact(QuantLevels.symmetric(8)),
                LearnedRows.pact(QuantLevels.unsigned(4)),
                new TrackedRows(QuantLevels.symmetric(8), false, RangeSource.extremes(), TrackedRows.Windows.running(0.1)),
                new TrackedRows(QuantLevels.signed(8), true, RangeSource.percentile(0.99), TrackedRows.Windows.running(0.1)));
    }

    private float[] rounded(ActivationQuantizer quantizer, Tensor x) {
        Tape tape = Tape.evaluating(backend, workspace);
        float[] values = tape.apply(new FakeQuantRows(quantizer, true), x).toArray();
        tape.reset();
        return values;
    }

    /** y of a ternary layer behind {@code quantizer} on its codes, and the product of the values by hand. */
    @ParameterizedTest
    @MethodSource("quantizers")
    void productsOfCodesAreThoseOfTheirValues(ActivationQuantizer template) {
        for (long[] shape : new long[][]{{5, 40}, {1, 24}, {2, 256}, {3, 300}}) {
            Tensor x = shifted(normal(1, shape[0], shape[1]), 0.7f);
            ActivationQuantizer quantizer = template.at("p", initializer, shape[1]);
            Parameter weight = parameter("w", normal(0.5, 6, shape[1]));
            Linear layer = Linear.of(weight, null, new Quantization(new TernaryAbsmean(), quantizer));
            for (Precision precision : Precision.values()) {
                Tape tape = Tape.evaluating(backend, workspace, precision);
                float[] y = layer.forward(tape, x).toArray();
                tape.reset();
                float[] values = rounded(quantizer, x);
                float[] w = rounded(new TernaryAbsmean(), weight.value());
                for (int i = 0; i < shape[0]; i++) {
                    for (int o = 0; o < 6; o++) {
                        double sum = 0;
                        double size = 0;
                        for (int k = 0; k < shape[1]; k++) {
                            double term = (double) values[(int) (i * shape[1] + k)] * w[(int) (o * shape[1] + k)];
                            sum += term;
                            size += Math.abs(term);
                        }
                        assertThat((double) y[i * 6 + o]).isCloseTo(sum, within(2e-6 * size + 1e-6));
                    }
                }
            }
        }
    }

    private float[] rounded(WeightQuantizer quantizer, Tensor w) {
        Tape tape = Tape.evaluating(backend, workspace);
        float[] values = tape.apply(new FakeQuantWeight(quantizer, true), w).toArray();
        tape.reset();
        return values;
    }

    private Tensor shifted(Tensor x, float by) {
        float[] values = x.toArray();
        for (int i = 0; i < values.length; i++) {
            values[i] += by;
        }
        return Tensor.of(pool, values, x.rows(), x.columns());
    }

    /** Sums, steps and codes are consistent for random shapes, blocks included. */
    @Test
    void sumsAreThoseOfTheCodes() {
        for (int trial = 0; trial < 40; trial++) {
            long n = random.nextInt(1, 6);
            long k = trial % 4 == 0 ? 256L * random.nextInt(1, 5) : random.nextInt(1, 700);
            Tensor x = shifted(normal(2, n, k), trial - 20);
            List<UniformRows> all = new ArrayList<>(
                    List.of(UniformRows.ofBits(2 + trial % 7, false), UniformRows.ofBits(2 + trial % 7, true),
                            UniformRows.int4()));
            if (k % 256 == 0) {
                all.add(new UniformRows(QuantLevels.signed(6), RangeRule.MIN_MAX, Granularity.BLOCK));
            }
            for (UniformRows quantizer : all) {
                QuantizedRows rows = quantizer.quantize(backend, x, workspace);
                byte[] codes = rows.codes().segment().toArray(ValueLayout.JAVA_BYTE);
                int padded = (int) rows.codes().columns();
                float[] steps = rows.step().toArray();
                float[] offsets = rows.offset() == null ? new float[steps.length] : rows.offset().toArray();
                float[] values = rounded(quantizer, x);
                int pieces = steps.length / (int) n;
                for (int i = 0; i < n; i++) {
                    int sum = 0;
                    for (int j = 0; j < padded; j++) {
                        sum += codes[i * padded + j];
                        if (j < k) {
                            int group = i * pieces + (int) (j / (k / pieces));
                            assertThat(values[(int) (i * k + j)])
                                    .isCloseTo(codes[i * padded + j] * steps[group] + offsets[group],
                                            within(1e-5f * Math.abs(trial - 20) + 1e-5f));
                        } else {
                            assertThat(codes[i * padded + j]).isZero();
                        }
                    }
                    assertThat(rows.sum().segment().getAtIndex(ValueLayout.JAVA_INT, i)).isEqualTo(sum);
                }
            }
        }
    }

    @Test
    void fourBitsOfBitNetByHand() {
        float[] row = {1, -2, 0.5f, 0, 4, -0.5f, 0, 0};
        float step = (float) (1 / Math.sqrt(7)); // mean|x| = 1
        float[] wanted = new float[8];
        for (int i = 0; i < 8; i++) {
            wanted[i] = (float) Math.clamp(Math.rint(row[i] * Math.sqrt(7)), -8, 7) * step;
        }
        assertThat(rounded(UniformRows.int4(), Tensor.of(pool, row, 1, 8))).containsExactly(wanted, within(1e-6f));
    }

    /** Shifted data: half of a symmetric range would be empty. */
    @ParameterizedTest
    @ValueSource(ints = {3, 4, 8})
    void zeroPointsFitShiftedData(int bits) {
        Tensor x = shifted(normal(1, 16, 128), 3);
        double symmetric = squaredError(UniformRows.ofBits(bits, true), x);
        double affine = squaredError(UniformRows.ofBits(bits, false), x);
        assertThat(affine).isLessThan(0.5 * symmetric);
        float[] withZero = x.toArray();
        withZero[5] = 0;
        assertThat(rounded(UniformRows.ofBits(bits, false), Tensor.of(pool, withZero, 16, 128))[5]).isZero();
        float[] ends = {-1.5f, 2.25f, 0, 1};
        float[] values = rounded(UniformRows.ofBits(bits, false), Tensor.of(pool, ends, 1, 4));
        float step = 3.75f / ((1 << bits) - 1);
        for (int i = 0; i < 4; i++) {
            assertThat(values[i]).isCloseTo(ends[i], within(step * 1.001f)); // half a step, and half a step of the zero point
        }
    }

    private double squaredError(ActivationQuantizer quantizer, Tensor x) {
        float[] values = rounded(quantizer, x);
        float[] exact = x.toArray();
        double sum = 0;
        for (int i = 0; i < exact.length; i++) {
            sum += Math.pow(values[i] - exact[i], 2);
        }
        return sum;
    }

    @ParameterizedTest
    @MethodSource("quantizers")
    void rowsThatAreNotNumbersGiveNoNumbersAndZerosGiveZeros(ActivationQuantizer template) {
        if (template instanceof HadamardRows) {
            return; // the transform spreads what is not finite over the row
        }
        for (float bad : new float[]{Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            float[] values = normal(1, 1, 16).toArray();
            values[7] = bad;
            float[] out = rounded(template.at("p", initializer, 16), Tensor.of(pool, values, 1, 16));
            assertThat(out[7]).isNaN();
        }
        ActivationQuantizer ofZeros = template.at("z", initializer, 16);
        assertThat(rounded(ofZeros, Tensor.of(pool, new float[32], 2, 16))).containsExactly(new float[32], within(1e-7f));
        float[] tiny = {Float.MIN_VALUE, 0, -Float.MIN_VALUE, 1e-40f};
        assertThat(rounded(template.at("d", initializer, 4), Tensor.of(pool, tiny, 1, 4))).containsExactly(tiny, within(1e-5f));
        assertThat(rounded(template.at("e", initializer, 4), Tensor.of(pool, new float[0], 0, 4))).isEmpty();
    }

    @Test
    void theLargestMagnitudesStayAndTheFirstOfEqualOnes() {
        float[] row = {1, -3, 2, 2, 0.5f, -2, 0, 4};
        assertThat(rounded(new SparseRows(UniformRows.ofBits(8, true), 0.5), Tensor.of(pool, row, 1, 8)))
                .containsExactly(new float[]{0, -3, 2, 2, 0, 0, 0, 4}, within(0.02f));
        for (int trial = 0; trial < 50; trial++) {
            int k = random.nextInt(1, 400);
            double keep = random.nextDouble(0.01, 1);
            Tensor x = normal(1, 3, k);
            float[] sparse = rounded(new SparseRows(new UniformRows(QuantLevels.symmetric(8), RangeRule.ABSMAX, Granularity.CHANNEL), keep),
                    x);
            int wanted = (int) Math.max(1, Math.ceil(keep * k));
            float[] exact = x.toArray();
            for (int r = 0; r < 3; r++) {
                float[] magnitudes = new float[k];
                for (int i = 0; i < k; i++) {
                    magnitudes[i] = Math.abs(exact[r * k + i]);
                }
                float[] sorted = magnitudes.clone();
                Arrays.sort(sorted);
                float step = sorted[k - 1] / 127;
                for (int i = 0; i < k; i++) {
                    boolean stays = magnitudes[i] >= sorted[k - wanted];
                    assertThat(sparse[r * k + i]).isCloseTo(stays ? exact[r * k + i] : 0, within(0.51f * step));
                }
            }
        }
        assertThatThrownBy(() -> new SparseRows(new Int8Absmax(), 0)).hasMessageContaining("keep = 0.0");
        assertThatThrownBy(() -> new SparseRows(LearnedRows.pact(QuantLevels.symmetric(4)), 0.5)).hasMessageContaining("pact");
    }

    @Test
    void presetsChooseByLayer() {
        ActivationQuantizer a48 = ActivationPresets.bitnetA48(0.55);
        assertThat(a48.at("blk.3.attn_q", initializer, 64)).isEqualTo(UniformRows.int4());
        assertThat(a48.at("blk.3.ffn_gate", initializer, 64)).isEqualTo(UniformRows.int4());
        assertThat(a48.at("blk.3.attn_output", initializer, 64)).isEqualTo(new SparseRows(new Int8Absmax(), 0.55));
        assertThat(a48.at("blk.3.ffn_down", initializer, 64)).isEqualTo(new Int8Absmax());
        assertThat(ActivationPresets.bitnetV2(8).at("blk.0.ffn_down", initializer, 64)).isEqualTo(new HadamardRows(new Int8Absmax()));
        assertThat(ActivationPresets.bitnetV2(4).at("blk.0.attn_output", initializer, 64)).isEqualTo(new HadamardRows(UniformRows.int4()));
        assertThat(ActivationPresets.bitnetV2(4).at("blk.0.ffn_up", initializer, 64)).isEqualTo(UniformRows.int4());
        assertThatThrownBy(() -> ActivationPresets.bitnetV2(3)).hasMessageContaining("bits = 3");
    }

    /** Gradients of LSQ+ and PACT against their papers' formulas, in fp64. */
    @ParameterizedTest
    @ValueSource(strings = {"lsq", "lsq+", "pact", "pact-unsigned"})
    void learnedGradientsAreThoseOfThePapers(String kind) {
        QuantLevels levels = kind.equals("pact-unsigned")
                ? QuantLevels.unsigned(3)
                : kind.equals("lsq+") ? QuantLevels.signed(3) : QuantLevels.symmetric(3);
        boolean pact = kind.startsWith("pact");
        ActivationQuantizer quantizer = (pact ? LearnedRows.pact(levels) : LearnedRows.lsq(levels, kind.equals("lsq+"))).at("p",
                initializer, 32);
        Tensor x = shifted(normal(1, 4, 32), 0.4f);
        rounded(quantizer, x); // starts
        List<Parameter> parameters = quantizer.parameters();
        assertThat(parameters).hasSize(kind.equals("lsq+") ? 2 : 1);
        parameters.getFirst().load(new float[]{(float) Math.log(0.4)});
        if (parameters.size() == 2) {
            parameters.get(1).load(new float[]{0.8f});
        }
        double s = 0.4f;
        double b = parameters.size() == 2 ? 0.8 * s : 0;
        double low = levels.level(levels.lowest());
        double high = levels.level(levels.highest());
        Tensor dy = normal(1, 4, 32);
        float[] values = rounded(quantizer, x);
        double byScale = 0;
        double byOffset = 0;
        float[] dx = new float[128];
        for (int i = 0; i < 128; i++) {
            double g = dy.toArray()[i];
            double z = (x.toArray()[i] - b) / s;
            double q = Math.rint(Math.clamp(z, low, high));
            assertThat((double) values[i]).isCloseTo(q * s + b, within(1e-5));
            boolean inside = z > low && z < high;
            dx[i] = inside ? (float) g : 0;
            byScale += inside ? pact ? 0 : g * (q - z) : g * q;
            byOffset += inside ? 0 : g;
        }
        double factor = pact ? 1 : 1 / Math.sqrt(32 * high);
        Tape tape = Tape.recording(backend, workspace);
        tape.watch(x);
        Tensor[] inputs = Stream.concat(Stream.of(x), parameters.stream().map(Parameter::value)).toArray(Tensor[]::new);
        tape.backward(tape.apply(new FakeQuantRows(quantizer, true), inputs), dy);
        assertThat(Objects.requireNonNull(tape.gradient(x)).toArray()).containsExactly(dx);
        double size = factor * s * 128;
        assertThat((double) parameters.getFirst().gradient().toArray()[0]).isCloseTo(factor * (s * byScale + b * byOffset),
                within(1e-5 * size));
        if (parameters.size() == 2) {
            assertThat((double) parameters.get(1).gradient().toArray()[0]).isCloseTo(factor * s * byOffset, within(1e-5 * size));
        }
    }

    /** Where all inputs are clipped, the output is smooth in scale and offset: finite differences, through a layer. */
    @Test
    void gradientsOfScaleAndOffsetThroughALayer() {
        ActivationQuantizer quantizer = LearnedRows.lsq(QuantLevels.signed(3), true).at("p", initializer, 8);
        Tensor x = shifted(normal(0.1, 3, 8), 20);
        Linear layer = Linear.of(parameter("w", normal(1, 5, 8)), null, new Quantization(null, quantizer));
        Tensor dy = normal(1, 3, 5);
        Tape warm = Tape.evaluating(backend, workspace);
        layer.forward(warm, x);
        warm.reset();
        quantizer.parameters().get(0).load(new float[]{0.3f});
        quantizer.parameters().get(1).load(new float[]{-0.5f});
        Tape tape = Tape.recording(backend, workspace);
        tape.backward(layer.forward(tape, x), dy);
        tape.reset();
        double factor = 1 / Math.sqrt(8 * 3);
        for (int p = 0; p < 2; p++) {
            Parameter parameter = quantizer.parameters().get(p);
            float at = parameter.value().toArray()[0];
            double[] sums = new double[2];
            for (int side = 0; side < 2; side++) {
                parameter.load(new float[]{at + (side == 0 ? -1e-3f : 1e-3f)});
                Tape evaluating = Tape.evaluating(backend, workspace);
                float[] y = layer.forward(evaluating, x).toArray();
                evaluating.reset();
                for (int i = 0; i < y.length; i++) {
                    sums[side] += (double) y[i] * dy.toArray()[i];
                }
            }
            parameter.load(new float[]{at});
            double difference = factor * (sums[1] - sums[0]) / 2e-3;
            assertThat((double) parameter.gradient().toArray()[0]).isCloseTo(difference, within(2e-3 * Math.max(1, Math.abs(difference))));
        }
    }

    /** What is learned starts where the error is least, and training makes the loss lower than with what it started from. */
    @ParameterizedTest
    @ValueSource(strings = {"lsq", "lsq+", "pact"})
    void learnedRangesLowerTheLoss(String kind) {
        QuantLevels levels = QuantLevels.symmetric(3);
        LearnedRows template = kind.equals("pact") ? LearnedRows.pact(levels) : LearnedRows.lsq(QuantLevels.signed(3), kind.equals("lsq+"));
        double frozen = loss(template, false);
        double learned = loss(template, true);
        assertThat(learned).isLessThan(0.97 * frozen);
    }

    /** Inputs drift after the first step; the mean squared distance of a layer's outputs from those of full precision, at the end. */
    private double loss(LearnedRows template, boolean learn) {
        ActivationQuantizer quantizer = template.at("p", new Initializer(pool, 1), 32);
        Linear layer = Linear.of(parameter("w", Tensor.of(pool, pattern(16 * 32), 16, 32)), null, new Quantization(null, quantizer));
        SplittableRandom same = new SplittableRandom(5);
        double last = 0;
        for (int step = 0; step < 150; step++) {
            float[] values = new float[32 * 32];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) ((step == 0 ? 0.3 : 1.5) * same.nextGaussian() + (step == 0 ? 0 : 0.5));
            }
            Tensor x = Tensor.of(pool, values, 32, 32);
            Tape exact = Tape.evaluating(backend, workspace);
            float[] wanted = new Linear(layer.weight(), null).forward(exact, x).toArray();
            exact.reset();
            Tape tape = Tape.recording(backend, workspace);
            Tensor y = layer.forward(tape, x);
            float[] dy = y.toArray();
            last = 0;
            for (int i = 0; i < dy.length; i++) {
                dy[i] -= wanted[i];
                last += (double) dy[i] * dy[i] / dy.length;
                dy[i] *= 2f / dy.length;
            }
            tape.backward(y, Tensor.of(pool, dy, 32, 16));
            tape.reset();
            for (Parameter parameter : quantizer.parameters()) {
                float now = parameter.value().toArray()[0];
                float slope = parameter.gradient().toArray()[0];
                if (learn) {
                    parameter.load(new float[]{now - 0.03f * Math.signum(slope)});
                }
                parameter.clearGradient();
            }
            layer.weight().clearGradient();
        }
        return last;
    }

    private static float[] pattern(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) Math.sin(i * 0.7 + i * i * 0.01);
        }
        return values;
    }

    @Test
    void whatIsNotFiniteStartsNothing() {
        ActivationQuantizer quantizer = LearnedRows.lsq(QuantLevels.signed(4), true).at("p", initializer, 4);
        assertThat(rounded(quantizer, Tensor.of(pool, new float[]{1, Float.NaN, 2, 3}, 1, 4))).contains(Float.NaN);
        assertThat(quantizer.buffers().getFirst().value().toArray()).containsExactly(0);
        assertThat(rounded(quantizer, Tensor.of(pool, new float[]{1, 0, 2, 3}, 1, 4))).containsExactly(new float[]{1, 0, 2, 3},
                within(0.2f));
        assertThat(quantizer.buffers().getFirst().value().toArray()).containsExactly(1);
        assertThatThrownBy(() -> LearnedRows.lsq(QuantLevels.signed(4), true).at("q", initializer, 4)
                .quantize(backend, Tensor.of(pool, new float[]{1}, 1), workspace)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void trackedStatisticsAreThoseOfTheStream() {
        Parameter state = initializer.constant("r", 0, ActivationRange.SIZE);
        ActivationRange range = new ActivationRange(state, 0.95);
        List<Float> all = new ArrayList<>();
        for (int step = 0; step < 5; step++) {
            Tensor x = shifted(normal(1, 20, 400), 0.5f);
            for (float value : x.toArray()) {
                all.add(value);
            }
            range.observe(x);
            assertThat(range.commit(20, 100, 1)).isEqualTo(step == 4);
        }
        double mean = all.stream().mapToDouble(v -> v).average().orElseThrow();
        double square = all.stream().mapToDouble(v -> v * v).average().orElseThrow();
        double[] magnitudes = all.stream().mapToDouble(Math::abs).sorted().toArray();
        assertThat(range.min()).isEqualTo((float) all.stream().mapToDouble(v -> v).min().orElseThrow());
        assertThat(range.max()).isEqualTo((float) all.stream().mapToDouble(v -> v).max().orElseThrow());
        assertThat(range.absmax()).isEqualTo((float) magnitudes[magnitudes.length - 1]);
        assertThat((double) range.percentile()).isCloseTo(magnitudes[(int) (0.95 * magnitudes.length)], within(0.05));
        assertThat((double) range.mean()).isCloseTo(mean, within(1e-4));
        assertThat((double) range.deviation()).isCloseTo(Math.sqrt(square - mean * mean), within(1e-4));
        float[] before = state.value().toArray();
        range.observe(Tensor.of(pool, new float[]{Float.NaN, 1e30f}, 1, 2));
        assertThat(range.commit(1, 1, 1)).as("what is not finite leaves no trace").isFalse();
        range.observe(Tensor.of(pool, new float[]{1e30f}, 1, 1));
        range.restart();
        range.commit(1, 1, 1);
        assertThat(state.value().toArray()).containsExactly(before);
    }

    /** A step of the deviation: the running range follows within some steps, the dynamic one of the first pass at once. */
    @ParameterizedTest
    @ValueSource(strings = {"extremes", "percentile", "deviation"})
    void trackedRangesFollowAStep(String kind) {
        RangeSource source = switch (kind) {
            case "extremes" -> RangeSource.extremes();
            case "percentile" -> RangeSource.percentile(0.99);
            default -> RangeSource.deviation(3);
        };
        TrackedRows rows = (TrackedRows) new TrackedRows(QuantLevels.symmetric(8), false, source, TrackedRows.Windows.running(0.2))
                .at("p", initializer, 64);
        float before = 0;
        for (int step = 1; step <= 40; step++) {
            rows.begin(step);
            QuantizedRows coded = rows.quantize(backend, normal(step <= 20 ? 1 : 4, 16, 64), workspace);
            assertThat(rows.commit(16)).isTrue();
            float now = coded.step().toArray()[0];
            if (step == 20) {
                before = now;
            } else if (step == 21) {
                assertThat(now).as("the range of the steps before holds").isCloseTo(before, within(0.15f * before));
            }
            if (step == 40) {
                assertThat(now).isBetween(3.2f * before, 4.5f * before);
            }
        }
        float[] kept = rows.buffers().getFirst().value().toArray();
        rows.quantize(backend, normal(100, 4, 64), workspace);
        rows.pause();
        assertThat(rows.commit(4)).as("an evaluation is not observed").isFalse();
        assertThat(rows.buffers().getFirst().value().toArray()).containsExactly(kept);
    }

    /** Ranges are renewed every so many steps, by so many samples. */
    @Test
    void onlineCalibrationCountsStepsAndSamples() {
        TrackedRows rows = (TrackedRows) new TrackedRows(QuantLevels.signed(8), true, RangeSource.extremes(),
                new TrackedRows.Windows(10, 12, 1))
                .at("p", initializer, 8);
        List<Integer> changes = new ArrayList<>();
        for (int step = 1; step <= 35; step++) {
            rows.begin(step);
            rows.quantize(backend, normal(step, 4, 8), workspace);
            if (rows.commit(4)) {
                changes.add(step);
            }
        }
        assertThat(changes).as("three steps of four samples from steps 1, 11, 21, 31").containsExactly(3, 13, 23, 33);
    }

    @Test
    void whatIsBeyondATrackedRangeGetsNoGradient() {
        TrackedRows rows = (TrackedRows) new TrackedRows(QuantLevels.symmetric(4), false, RangeSource.extremes(),
                TrackedRows.Windows.running(1))
                .at("p", initializer, 4);
        rows.begin(1);
        rows.quantize(backend, Tensor.of(pool, new float[]{-1, 0.5f, 0, 0.2f}, 1, 4), workspace);
        rows.commit(1);
        Tensor x = Tensor.of(pool, new float[]{-1, 1.01f, -5, 0.3f}, 1, 4);
        Tape tape = Tape.recording(backend, workspace);
        tape.watch(x);
        tape.backward(tape.apply(new FakeQuantRows(rows, true), x), Tensor.of(pool, new float[]{1, 2, 3, 4}, 1, 4));
        assertThat(Objects.requireNonNull(tape.gradient(x)).toArray()).containsExactly(1, 0, 0, 4);
    }

    @Test
    void layersThatShareAnInputShareItsQuantizerAndItsGradients() {
        ActivationQuantizer quantizer = LearnedRows.lsq(QuantLevels.signed(4), true).at("p", initializer, 16);
        Quantization placed = new Quantization(new FakeQuantizer(new FakeQuantRule(QuantLevels.symmetric(4), new Estimator.Identity()),
                ScaleRule.ABSMAX, Granularity.CHANNEL), quantizer);
        Linear a = Linear.of(parameter("a", normal(1, 3, 16)), null, placed);
        Linear b = Linear.of(parameter("b", normal(1, 5, 16)), null, placed);
        Tensor x = shifted(normal(1, 6, 16), 1);
        Tensor da = normal(1, 6, 3);
        Tensor db = normal(1, 6, 5);
        Tape tape = Tape.recording(backend, workspace);
        Tensor[] y = Linear.forwardAll(tape, x, List.of(a, b));
        tape.backward(List.of(y), List.of(da, db));
        tape.reset();
        List<Float> together = quantizer.parameters().stream().map(parameter -> parameter.gradient().toArray()[0]).toList();
        quantizer.parameters().forEach(Parameter::clearGradient);
        for (Linear each : List.of(a, b)) {
            Tape single = Tape.recording(backend, workspace);
            single.backward(each.forward(single, x), each == a ? da : db);
            single.reset();
        }
        for (int i = 0; i < 2; i++) {
            assertThat(quantizer.parameters().get(i).gradient().toArray()[0]).isCloseTo(together.get(i), within(1e-4f));
        }
        assertThat(quantizer.parameters().getFirst().shape()).isEqualTo(Shape.of(1));
        assertThatThrownBy(() -> Linear.forwardAll(Tape.evaluating(backend, workspace), x, List.of(a,
                Linear.of(parameter("c", normal(1, 3, 16)), null, new Quantization(null, LearnedRows.lsq(QuantLevels.signed(4), true))))))
                .hasMessageContaining("differ in the quantization of their input");
    }
}
