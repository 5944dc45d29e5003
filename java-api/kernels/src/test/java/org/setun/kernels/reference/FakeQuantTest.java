package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.testsupport.OffHeap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Fake quantization: what the estimators do at every kink, and smooth ones against finite differences of their formulas in double. */
class FakeQuantTest {

    private static final float NAN = Float.NaN;
    private static final float INF = Float.POSITIVE_INFINITY;

    private final ReferenceBackend backend = new ReferenceBackend();

    /** What stands in the place of values with scale 1, and the gradients of the values (of g = 1 each), of scale and offset. */
    private record Result(float[] values, float[] gradients, float scale, float offset, byte[] codes) {
    }

    private Result run(FakeQuantRule rule, float scale, float offset, float[] v, float... g) {
        int n = v.length;
        float[] gradients = g.length == 0 ? ones(n) : g;
        MemorySegment values = OffHeap.floats(n);
        MemorySegment codes = OffHeap.bytes(n);
        MemorySegment dv = OffHeap.floats(n);
        MemorySegment dscale = OffHeap.of(0f);
        MemorySegment doffset = OffHeap.of(0f);
        backend.fakeQuantForward(rule, 1, n, OffHeap.of(v), OffHeap.of(scale), OffHeap.of(offset), values, codes, null);
        backend.fakeQuantBackward(rule, 1, n, OffHeap.of(v), OffHeap.of(scale), OffHeap.of(offset), OffHeap.of(gradients), dv, dscale,
                doffset, 1);
        return new Result(OffHeap.toFloats(values), OffHeap.toFloats(dv), OffHeap.toFloats(dscale)[0], OffHeap.toFloats(doffset)[0],
                OffHeap.toBytes(codes));
    }

    private static float[] ones(int n) {
        float[] ones = new float[n];
        Arrays.fill(ones, 1);
        return ones;
    }

    private static FakeQuantRule signed3(Estimator estimator) {
        return new FakeQuantRule(QuantLevels.signed(3), estimator); // -4 .. 3
    }

    @Test
    void nearestLevelsWithTiesToEvenAndNanThrough() {
        float[] v = {-5, -4, -3.5f, -0.5f, 0, 0.5f, 1.5f, 3, 4, INF, -INF, NAN};
        Result result = run(signed3(new Estimator.Lsq(0)), 1, 0, v);
        assertThat(result.values).containsExactly(-4, -4, -4, 0, 0, 0, 2, 3, 3, 3, -4, NAN);
        assertThat(result.codes).containsExactly(-4, -4, -4, 0, 0, 0, 2, 3, 3, 3, -4, 0);
    }

    static Stream<Arguments> tables() {
        float[] v = {-5, -4, -3.5f, 0, 0.5f, 3, 3.2f, INF, NAN};
        return Stream.of(Arguments.of(new Estimator.Identity(), v, new float[]{1, 1, 1, 1, 1, 1, 1, 1, 0}),
                Arguments.of(new Estimator.Clipped(0), v, new float[]{0, 1, 1, 1, 1, 1, 0, 0, 0}),
                Arguments.of(new Estimator.Clipped(0.5f), v, new float[]{0, 0, 0, 1, 1, 0, 0, 0, 0}),
                Arguments.of(new Estimator.ClippedValue(3.5f), v, new float[]{0, 0, 1, 1, 1, 1, 1, 0, 0}),
                Arguments.of(new Estimator.Lsq(0), v, new float[]{0, 0, 1, 1, 1, 0, 0, 0, 0}),
                Arguments.of(new Estimator.Lsq(3.1f), v, new float[]{0, 0, 0, 1, 1, 1, 0, 0, 0}),
                Arguments.of(new Estimator.Pact(), v, new float[]{0, 0, 1, 1, 1, 0, 0, 0, 0}),
                Arguments.of(Estimator.LevelFactors.of(1, 2, 3, 4, 5, 6, 7, 8), v, new float[]{0, 1, 1, 5, 5, 8, 0, 0, 0}),
                // e = 0.3 codes from the level: amplified against the boundary ahead, damped away from it
                Arguments.of(new Estimator.Ewgs(0.2f), new float[]{1.3f, -1.3f, 1, 3, 3.1f}, new float[]{1.06f, 0.94f, 1, 1, 0}),
                Arguments.of(new Estimator.EwgsAbsolute(0.2f), new float[]{1.3f, -1.3f, 1, 5}, new float[]{1.06f, 1.06f, 1, 1.4f}));
    }

    @ParameterizedTest
    @MethodSource("tables")
    void gradientsAtTheKinks(Estimator estimator, float[] v, float[] expected) {
        assertThat(run(signed3(estimator), 1, 0, v).gradients).containsExactly(expected, within(1e-6f));
    }

    @Test
    void elementWiseScalingFollowsTheSignOfTheGradient() {
        FakeQuantRule rule = signed3(new Estimator.Ewgs(0.2f));
        assertThat(run(rule, 1, 0, new float[]{1.3f, 1.3f}, 1, -1).gradients).containsExactly(new float[]{1.06f, -0.94f}, within(1e-6f));
        FakeQuantRule absolute = signed3(new Estimator.EwgsAbsolute(0.2f));
        assertThat(run(absolute, 1, 0, new float[]{1.3f, 1.3f}, 1, -1).gradients).containsExactly(new float[]{1.06f, -1.06f},
                within(1e-6f));
    }

    @Test
    void stretchedLevelsAndTheirScale() {
        FakeQuantRule twoBits = new FakeQuantRule(QuantLevels.stretched2Bit(), new Estimator.Lsq(0.99f));
        Result result = run(twoBits, 2, 0, new float[]{-2.2f, -1.2f, -0.1f, 0.1f, 1.2f, 1.97f, 1.99f});
        assertThat(result.values).containsExactly(-1.5f, -1.5f, -0.5f, 0.5f, 1.5f, 1.5f, 1.5f);
        assertThat(result.gradients).containsExactly(0, 1, 1, 1, 1, 1, 0);
        double inside = (-0.75 + 0.6) + (-0.25 + 0.05) + (0.25 - 0.05) + (0.75 - 0.6) + (0.75 - 0.985);
        assertThat(result.scale).isCloseTo((float) (-0.75 + inside + 0.75), within(1e-6f));
        FakeQuantRule ternary = new FakeQuantRule(QuantLevels.stretchedTernary(), new Estimator.Lsq(0.99f));
        assertThat(run(ternary, 3, 0, new float[]{-3, -1.1f, -0.9f, 0.9f, 1.1f, 3}).values).containsExactly(
                new float[]{-2, -2, 0, 0, 2, 2}, within(1e-6f));
    }

    @Test
    void binaryLevelsCountZeroAsPositive() {
        FakeQuantRule rule = new FakeQuantRule(QuantLevels.binary(), new Estimator.Clipped(1));
        Result result = run(rule, 0.5f, 0, new float[]{-2, -1e-6f, 0, 1e-6f, 2});
        assertThat(result.values).containsExactly(-0.5f, -0.5f, 0.5f, 0.5f, 0.5f);
        assertThat(result.gradients).containsExactly(0, 1, 1, 1, 0);
    }

    @Test
    void scaleAndOffsetOfLearnedSteps() {
        FakeQuantRule rule = signed3(new Estimator.Lsq(0));
        float[] v = {-9, -1.3f, 0.4f, 2.2f, 11};
        Result result = run(rule, 0.5f, 1, v, 1, 2, -1, 3, 0.5f);
        // z = (v - 1) / 0.5 = -20, -4.6, -1.2, 2.4, 20
        assertThat(result.values).containsExactly(-1, -1, 0.5f, 2, 2.5f);
        assertThat(result.gradients).containsExactly(0, 0, -1, 3, 0);
        assertThat(result.scale).isCloseTo(1 * -4 + 2 * -4 - 1 * (-1 + 1.2f) + 3 * (2 - 2.4f) + 0.5f * 3, within(1e-5f));
        assertThat(result.offset).isCloseTo(1 + 2 + 0.5f, within(1e-6f));
    }

    @Test
    void clippingValueLearnsFromBeyondTheOutermostLevel() {
        FakeQuantRule rule = new FakeQuantRule(QuantLevels.unsigned(2), new Estimator.Pact()); // levels 0 .. 3, alpha = 3 s
        Result result = run(rule, 0.5f, 0, new float[]{-1, 0, 0.6f, 1.5f, 9});
        assertThat(result.values).containsExactly(0, 0, 0.5f, 1.5f, 1.5f);
        assertThat(result.gradients).containsExactly(0, 0, 1, 0, 0);
        assertThat(result.scale / 3).as("d/d alpha: one for each value at or above it").isEqualTo(2);
    }

    @Test
    void powerEstimatorIsTheDerivativeOfItsPower() {
        Estimator.ReSte estimator = new Estimator.ReSte(3, 0.1f, 1.5f);
        FakeQuantRule rule = new FakeQuantRule(QuantLevels.binary(), estimator);
        DoubleUnaryOperator power = z -> Math.signum(z) * Math.pow(Math.abs(z), 1 / 3.0);
        for (float z : new float[]{-1.49f, -0.7f, -0.11f, 0.3f, 1}) {
            float slope = (float) ((power.applyAsDouble(z + 1e-5) - power.applyAsDouble(z - 1e-5)) / 2e-5);
            assertThat(run(rule, 1, 0, new float[]{z}).gradients[0]).isCloseTo(slope, within(1e-4f * slope));
        }
        float chord = (float) (power.applyAsDouble(0.1) / 0.1);
        assertThat(run(rule, 1, 0, new float[]{0, 0.05f, 0.1f, 1.51f, NAN}).gradients).containsExactly(
                new float[]{chord, chord, chord, 0, 0}, within(1e-5f));
        assertThat(
                run(new FakeQuantRule(QuantLevels.binary(), new Estimator.ReSte(1, 0.1f, 1.5f)), 1, 0, new float[]{0.01f, 0.8f}).gradients)
                .as("order 1 is straight through").containsExactly(new float[]{1, 1}, within(1e-6f));
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    /** f(u) in double, written anew from the papers. */
    private static DoubleUnaryOperator formula(Estimator estimator, QuantLevels levels) {
        return switch (estimator) {
            case Estimator.Staircase e -> u -> {
                double sum = levels.lowest();
                for (int k = levels.lowest(); k < levels.highest(); k++) {
                    sum += sigmoid((u - k - 0.5) / e.temperature());
                }
                return sum;
            };
            case Estimator.Dsq e -> u -> {
                double k = Math.log(2 / (double) e.alpha() - 1);
                double inside = Math.clamp(u, levels.lowest(), levels.highest());
                double cell = Math.min(Math.floor(inside), levels.highest() - 1);
                return cell + 0.5 + 0.5 * Math.tanh(k * (inside - cell - 0.5)) / Math.tanh(k / 2);
            };
            default -> throw new IllegalArgumentException(estimator.toString());
        };
    }

    static Stream<FakeQuantRule> smoothRules() {
        return Stream.of(new FakeQuantRule(QuantLevels.ternary(), new Estimator.Staircase(0.2f, false)),
                new FakeQuantRule(QuantLevels.signed(4), new Estimator.Staircase(0.5f, false)),
                new FakeQuantRule(QuantLevels.midRise(2), Estimator.Staircase.tanh(0.8f, false)),
                new FakeQuantRule(QuantLevels.binary(), Estimator.Staircase.tanh(0.5f, false)),
                new FakeQuantRule(QuantLevels.signed(3), new Estimator.Dsq(0.2f, false)),
                new FakeQuantRule(QuantLevels.stretchedTernary(), new Estimator.Dsq(0.5f, false)));
    }

    @ParameterizedTest
    @MethodSource("smoothRules")
    void smoothValuesAndTheirDerivativesInEveryDirection(FakeQuantRule rule) {
        QuantLevels levels = rule.levels();
        DoubleUnaryOperator f = formula(rule.estimator(), levels);
        double h = 1e-5;
        for (int i = -60; i <= 60; i++) {
            double v = i * 0.0731 + 0.0113;
            double s = 0.7;
            double b = 0.2;
            double u = (v - b) / s * levels.divisions() - levels.shift();
            if (rule.estimator() instanceof Estimator.Dsq
                    && (Math.abs(u - levels.lowest()) < 1e-3 || Math.abs(u - levels.highest()) < 1e-3)) {
                continue; // its ends are kinks
            }
            Result result = run(rule, (float) s, (float) b, new float[]{(float) v});
            assertThat(result.values[0]).isCloseTo((float) whole(f, levels, v, s, b), within(4e-6f));
            double dv = (whole(f, levels, v + h, s, b) - whole(f, levels, v - h, s, b)) / (2 * h);
            double ds = (whole(f, levels, v, s + h, b) - whole(f, levels, v, s - h, b)) / (2 * h);
            double db = (whole(f, levels, v, s, b + h) - whole(f, levels, v, s, b - h)) / (2 * h);
            assertThat(result.gradients[0]).as("dv at %s", v).isCloseTo((float) dv, within((float) (1e-4 * Math.abs(dv) + 2e-5)));
            assertThat(result.scale).as("ds at %s", v).isCloseTo((float) ds, within((float) (1e-4 * Math.abs(ds) + 2e-5)));
            assertThat(result.offset).as("db at %s", v).isCloseTo((float) db, within((float) (1e-4 * Math.abs(db) + 2e-5)));
        }
    }

    private static double whole(DoubleUnaryOperator f, QuantLevels levels, double v, double s, double b) {
        double u = (v - b) / s * levels.divisions() - levels.shift();
        return s * (f.applyAsDouble(u) + levels.shift()) / levels.divisions() + b;
    }

    @Test
    void softChoicesHaveTheDerivativeOfTheSoftmaxForTheSameNoise() {
        FakeQuantRule rule = new FakeQuantRule(QuantLevels.ternary(), new Estimator.Gumbel(0.8f, 0.4f, false)).withSeed(5);
        float h = 1 / 256f;
        for (int i = -20; i <= 20; i++) {
            float v = i * 0.125f;
            Result result = run(rule, 1, 0, new float[]{v});
            float difference = (run(rule, 1, 0, new float[]{v + h}).values[0] - run(rule, 1, 0, new float[]{v - h}).values[0]) / (2 * h);
            assertThat(result.gradients[0]).isCloseTo(difference, within(2e-3f));
            assertThat(result.values[0]).isBetween(-1f, 1f);
        }
    }

    @Test
    void hardChoicesFollowTheSoftmaxOfTheDistances() {
        int n = 60_000;
        float u = 0.3f;
        float[] v = new float[n];
        Arrays.fill(v, u);
        FakeQuantRule rule = new FakeQuantRule(QuantLevels.ternary(), new Estimator.Gumbel(1, 0.5f, true)).withSeed(3);
        byte[] codes = run(rule, 1, 0, v).codes;
        double[] weights = new double[3];
        double total = 0;
        for (int k = -1; k <= 1; k++) {
            weights[k + 1] = Math.exp(-(u - k) * (u - k) / (2 * 0.5));
            total += weights[k + 1];
        }
        for (int k = -1; k <= 1; k++) {
            int code = k;
            double share = (double) List.of(box(codes)).stream().filter(c -> c == code).count() / n;
            double expected = weights[k + 1] / total;
            assertThat(share).isCloseTo(expected, within(5 * Math.sqrt(expected / n)));
        }
    }

    private static Byte[] box(byte[] codes) {
        Byte[] boxed = new Byte[codes.length];
        Arrays.setAll(boxed, i -> codes[i]);
        return boxed;
    }

    @Test
    void mixedValuesAndGradientsLieBetween() {
        FakeQuantRule rule = signed3(new Estimator.Lsq(0)).withMix(0.25f);
        Result result = run(rule, 1, 0, new float[]{1.4f, 9});
        assertThat(result.values).containsExactly(new float[]{1.3f, 7.5f}, within(1e-6f));
        assertThat(result.gradients).containsExactly(1, 0.75f);
        assertThat(result.scale).isCloseTo(0.25f * (1 - 1.4f) + 0.25f * 3, within(1e-6f));
        assertThat(run(rule.withMix(0), 1, 0, new float[]{1.4f, 9}).values).containsExactly(1.4f, 9);
    }

    @Test
    void aShareOfTheBlocksIsQuantizedAndNoiseIsUniform() {
        int n = 64_000;
        float[] v = OffHeap.toFloats(OffHeap.gaussian(new SplittableRandom(1), n, 1));
        FakeQuantRule rule = new FakeQuantRule(QuantLevels.ternary(), new Estimator.Clipped(0), 1, 0, 0.3f, 16, 9);
        Result result = run(rule, 1, 0, v);
        int quantized = 0;
        for (int block = 0; block < n / 16; block++) {
            boolean all = true;
            for (int i = block * 16; i < block * 16 + 16; i++) {
                all &= result.values[i] == Math.rint(result.values[i]);
                if (result.values[i] == v[i] && Math.abs(v[i]) > 1) {
                    assertThat(result.gradients[i]).as("a value that passes has a gradient that passes").isEqualTo(1);
                }
            }
            quantized += all ? 1 : 0;
        }
        assertThat(quantized / (n / 16.0)).isCloseTo(0.3, within(5 * Math.sqrt(0.21 / (n / 16.0))));
        Result noisy = run(new FakeQuantRule(QuantLevels.ternary(), new Estimator.Identity(), 0, 0.5f, 1, 0, 4), 2, 0, v);
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < n; i++) {
            double noise = noisy.values[i] - v[i];
            assertThat(Math.abs(noise)).isLessThanOrEqualTo(0.5001);
            sum += noise;
            squares += noise * noise;
        }
        assertThat(sum / n).isCloseTo(0, within(5 * Math.sqrt(1 / 12.0 / n)));
        assertThat(squares / n).isCloseTo(1 / 12.0, within(2e-3));
        assertThat(noisy.gradients).containsOnly(1);
    }

    @Test
    void sumsOfTheErrorComeWithTheValues() {
        int n = 10_000;
        float[] v = OffHeap.toFloats(OffHeap.gaussian(new SplittableRandom(2), 2 * n, 1));
        MemorySegment values = OffHeap.floats(2 * n);
        MemorySegment sums = OffHeap.of(new double[8]);
        backend.fakeQuantForward(signed3(new Estimator.Lsq(0)), 2, n, OffHeap.of(v), OffHeap.of(0.4f, 0.8f), null, values, null, sums);
        double[] expected = new double[8];
        float[] out = OffHeap.toFloats(values);
        for (int i = 0; i < 2 * n; i++) {
            double error = out[i] - v[i];
            expected[i / n * 4] += (double) v[i] * v[i];
            expected[i / n * 4 + 1] += error * error;
            expected[i / n * 4 + 2] += (double) v[i] * out[i];
            expected[i / n * 4 + 3] = Math.max(expected[i / n * 4 + 3], Math.abs(error));
        }
        assertThat(OffHeap.toDoubles(sums)).containsExactly(expected, within(1e-3));
    }

    @Test
    void theLogarithmIsWithinThreeUlp() {
        SplittableRandom random = new SplittableRandom(8);
        for (int i = 0; i < 100_000; i++) {
            float x = Float.intBitsToFloat(random.nextInt(0x00800000, 0x7f800000));
            double exact = Math.log(x);
            assertThat(Math.abs(FixedMath.log(x) - exact)).isLessThanOrEqualTo(3 * Math.ulp((float) exact));
        }
        for (float x = 0.7f; x < 1.5f; x = Math.nextUp(x + 1e-5f)) {
            assertThat(Math.abs(FixedMath.log(x) - Math.log(x))).isLessThanOrEqualTo(3 * Math.ulp((float) Math.log(x)));
        }
    }

    @Test
    void wrongRulesAreNamed() {
        assertThatThrownBy(() -> new FakeQuantRule(QuantLevels.signed(5), new Estimator.Dsq(0.2f, false)))
                .hasMessageContaining("at most 16");
        assertThatThrownBy(() -> new FakeQuantRule(QuantLevels.ternary(), Estimator.LevelFactors.of(1, 2)))
                .hasMessageContaining("2 factors");
        assertThatThrownBy(() -> new FakeQuantRule(QuantLevels.ternary(), new Estimator.Identity(), 1, 0, 0.5f, 10, 0))
                .hasMessageContaining(
                        "block = 10");
        assertThatThrownBy(() -> new FakeQuantRule(QuantLevels.ternary(), new Estimator.Identity()).withMix(NAN))
                .hasMessageContaining("mix");
        assertThatThrownBy(() -> new Estimator.ReSte(0.5f, 0.1f, 1)).hasMessageContaining("order = 0.5");
        assertThatThrownBy(() -> QuantLevels.signed(9)).hasMessageContaining("bits = 9");
        assertThatThrownBy(() -> new QuantLevels(1, 1, 0, 1)).hasMessageContaining("codes [1, 1]");
    }
}
