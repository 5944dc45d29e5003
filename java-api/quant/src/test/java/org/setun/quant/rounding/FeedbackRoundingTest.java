package org.setun.quant.rounding;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.Backend;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.format.WeightRows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

class FeedbackRoundingTest {

    private static final WeightFormat GRID = new GridFormat(32, 1, 3, 0);
    private static final WeightFormat FIXED = new GridFormat(32, 1, 3, 0.4f);
    private static final WeightFormat GROUPS = new GridFormat(32, 8, 3, 0.4f);

    private final Backend backend = new ReferenceBackend();
    private final Arena arena = Arena.ofShared();

    @AfterEach
    void close() {
        arena.close();
        backend.close();
    }

    /** Moments of inputs that are mixtures of few directions, with channels of very different size. */
    private Hessian hessian(long seed, int n) {
        SplittableRandom random = new SplittableRandom(seed);
        int tokens = n / 4 + random.nextInt(2 * n);
        double[][] mix = new double[n][n / 4 + 1];
        for (double[] row : mix) {
            double size = Math.exp(random.nextGaussian());
            for (int j = 0; j < row.length; j++) {
                row[j] = size * random.nextGaussian();
            }
        }
        double[] h = new double[n * n];
        double[] x = new double[n];
        for (int t = 0; t < tokens; t++) {
            double[] hidden = random.doubles(mix[0].length, -1, 1).toArray();
            for (int i = 0; i < n; i++) {
                x[i] = 0.1 * random.nextGaussian();
                for (int j = 0; j < hidden.length; j++) {
                    x[i] += mix[i][j] * hidden[j];
                }
            }
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    h[i * n + j] += x[i] * x[j] / tokens;
                }
            }
        }
        return hessian(h, n);
    }

    private Hessian hessian(double[] h, int n) {
        MemorySegment values = arena.allocate((long) n * n * Float.BYTES, 64);
        for (int i = 0; i < h.length; i++) {
            values.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) h[i]);
        }
        return new Hessian(values, n);
    }

    private Hessian identity(int n) {
        double[] h = new double[n * n];
        for (int i = 0; i < n; i++) {
            h[i * n + i] = 1;
        }
        return hessian(h, n);
    }

    private static float[] normal(long seed, int count) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static float[] rounded(Rounding rounding, float[] weights, int n, float[] importance) {
        WeightFormat format = rounding.format();
        int rows = weights.length / n;
        MemorySegment blocks = MemorySegment.ofArray(new byte[Math.toIntExact(rows * format.rowBytes(n))]);
        rounding.encode(WeightRows.of(weights, n), 0, rows, importance, blocks, 0);
        float[] values = new float[weights.length];
        for (int r = 0; r < rows; r++) {
            format.decode(blocks, r * format.rowBytes(n), n, values, r * n);
        }
        return values;
    }

    private float[] gptq(WeightFormat format, Hessian hessian, FeedbackOptions options, float[] weights) {
        try (Rounding rounding = FeedbackRounding.gptq(backend, format, hessian, options, Workers.caller())) {
            return rounded(rounding, weights, hessian.columns(), null);
        }
    }

    private float[] nearest(WeightFormat format, float[] weights, int n) {
        try (Rounding rounding = Rounding.nearest(format, Workers.caller())) {
            return rounded(rounding, weights, n, null);
        }
    }

    @Test
    void lossIsBelowThatOfNearestOnAHundredOfAHundredHessians() {
        for (int seed = 0; seed < 100; seed++) {
            Hessian hessian = hessian(seed, 64);
            float[] weights = normal(1000 + seed, 16 * 64);
            WeightFormat format = seed % 2 == 0 ? GRID : GROUPS;
            double nearest = hessian.loss(weights, nearest(format, weights, 64));
            double gptq = hessian.loss(weights, gptq(format, hessian, FeedbackOptions.GPTQ, weights));
            double ldlq = hessian.loss(weights, gptq(format, hessian, FeedbackOptions.LDLQ.withTunePasses(0), weights));
            double tuned = hessian.loss(weights, gptq(format, hessian, FeedbackOptions.LDLQ, weights));
            double ordered = hessian.loss(weights, gptq(format, hessian, FeedbackOptions.GPTQ.withActOrder(true), weights));
            assertThat(gptq).as("GPTQ, Hessian " + seed).isLessThan(nearest);
            assertThat(ldlq).as("LDLQ, Hessian " + seed).isLessThan(nearest);
            assertThat(tuned).as("descent, Hessian " + seed).isLessThan(nearest);
            assertThat(ordered).as("act-order, Hessian " + seed).isLessThan(nearest);
        }
    }

    /** Groups of eight, scales fitted to targets that carry the errors of earlier blocks. */
    @ParameterizedTest
    @ValueSource(strings = {"e8p", "e8p:bits=3", "e8p:bits=4", "pi-tan2", "pi-q3"})
    void storageFormatsGainToo(String name) {
        WeightFormat format = WeightFormats.parse(name);
        for (int seed = 0; seed < 3; seed++) {
            Hessian hessian = hessian(seed, 512);
            float[] weights = normal(100 + seed, 4 * 512);
            double nearest = hessian.loss(weights, nearest(format, weights, 512));
            double ldlq = hessian.loss(weights, gptq(format, hessian, FeedbackOptions.LDLQ.withTunePasses(0), weights));
            double tuned = hessian.loss(weights, gptq(format, hessian, FeedbackOptions.LDLQ.withTunePasses(3), weights));
            assertThat(ldlq).isLessThan(0.8 * nearest);
            assertThat(tuned).isLessThan(ldlq);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void withTheIdentityAllIsNearest(boolean actOrder) {
        float[] weights = normal(5, 8 * 96);
        for (WeightFormat format : new WeightFormat[]{GRID, FIXED, GROUPS}) {
            float[] nearest = nearest(format, weights, 96);
            FeedbackOptions options = FeedbackOptions.GPTQ.withActOrder(actOrder).withTunePasses(actOrder ? 0 : 3);
            assertThat(gptq(format, identity(96), options, weights)).containsExactly(nearest);
        }
    }

    @Test
    void gptqChoosesTheCodesOfThePaper() {
        int n = 160;
        int different = 0;
        for (int seed = 0; seed < 5; seed++) {
            Hessian hessian = hessian(seed, n);
            double[] h = new double[n * n];
            double mean = 0;
            for (float value : hessian.diagonal()) {
                mean += value / n;
            }
            for (int i = 0; i < h.length; i++) {
                h[i] = hessian.values().getAtIndex(ValueLayout.JAVA_FLOAT, i) + (i % (n + 1) == 0 ? 0.01 * mean : 0);
            }
            float[] weights = normal(seed, 8 * n);
            float[] paper = PaperGptq.round(h, n, weights, 0.4f, 3);
            float[] ours = gptq(FIXED, hessian, FeedbackOptions.GPTQ, weights);
            for (int i = 0; i < ours.length; i++) {
                different += ours[i] == paper[i] ? 0 : 1;
            }
        }
        // a target near the boundary of two codes may fall to either side, and the rest of its row with it
        assertThat(different).isLessThan(5 * 8 * n / 100);
    }

    @Test
    void descentNeverRaisesTheLoss() {
        for (WeightFormat format : new WeightFormat[]{FIXED, GROUPS}) {
            Hessian hessian = hessian(3, 128);
            float[] weights = normal(4, 12 * 128);
            double last = Double.POSITIVE_INFINITY;
            for (int passes = 0; passes < 6; passes++) {
                double loss = dampedLoss(hessian, weights, gptq(format, hessian, FeedbackOptions.LDLQ.withTunePasses(passes), weights));
                assertThat(loss).isLessThanOrEqualTo(last * (1 + 1e-6));
                last = loss;
            }
        }
    }

    private static double dampedLoss(Hessian hessian, float[] weights, float[] rounded) {
        double mean = 0;
        for (float value : hessian.diagonal()) {
            mean += value / hessian.columns();
        }
        double squares = 0;
        for (int i = 0; i < weights.length; i++) {
            squares += Math.pow(weights[i] - rounded[i], 2);
        }
        return hessian.loss(weights, rounded) + 0.01 * mean * squares;
    }

    @ParameterizedTest
    @CsvSource({"300, 3", "129, 1", "1, 1", "640, 17"})
    void threadsAndPartsChangeNothing(int blocks, int rows) {
        int n = blocks * 2;
        WeightFormat format = new GridFormat(2, 2, 3, 0);
        Hessian hessian = hessian(8, n);
        float[] weights = normal(9, rows * n);
        FeedbackOptions options = FeedbackOptions.GPTQ.withActOrder(true).withTunePasses(2);
        float[] whole = gptq(format, hessian, options, weights);
        MemorySegment parts = MemorySegment.ofArray(new byte[Math.toIntExact(rows * format.rowBytes(n))]);
        try (var executor = Executors.newFixedThreadPool(2);
                Rounding rounding = FeedbackRounding.gptq(backend, format, hessian, options, new Workers(executor, 3))) {
            for (int r = 0; r < rows; r += 5) {
                rounding.encode(WeightRows.of(weights, n), r, Math.min(5, rows - r), null, parts, r * format.rowBytes(n));
            }
        }
        float[] values = new float[weights.length];
        for (int r = 0; r < rows; r++) {
            format.decode(parts, r * format.rowBytes(n), n, values, r * n);
        }
        assertThat(values).containsExactly(whole);
    }

    /** More rows than are worked on at a time: 1024 of 64 blocks. */
    @Test
    void tallMatricesAreRoundedInSlabs() {
        int n = 64;
        int rows = 1500;
        WeightFormat format = new GridFormat(1, 1, 3, 0.4f);
        Hessian hessian = hessian(2, n);
        float[] weights = normal(3, rows * n);
        float[] whole = gptq(format, hessian, FeedbackOptions.GPTQ, weights);
        for (int first : new int[]{0, 1020, 1490}) {
            float[] part = Arrays.copyOfRange(weights, first * n, (first + 10) * n);
            assertThat(gptq(format, hessian, FeedbackOptions.GPTQ, part))
                    .containsExactly(Arrays.copyOfRange(whole, first * n, (first + 10) * n));
        }
    }

    @Test
    void theFactorGivesTheMatrixBack() {
        int n = 300;
        Hessian hessian = hessian(1, n);
        MemorySegment copy = arena.allocate(hessian.values().byteSize(), 64).copyFrom(hessian.values());
        for (int i = 0; i < n; i++) {
            copy.setAtIndex(ValueLayout.JAVA_FLOAT, (long) i * n + i, copy.getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * n + i) + 1);
        }
        MemorySegment damped = arena.allocate(copy.byteSize(), 64).copyFrom(copy);
        assertThat(ReverseCholesky.factor(backend, copy, n)).isTrue();
        double worst = 0;
        for (int i = 0; i < n; i++) {
            for (int j = i; j < n; j++) {
                double sum = 0;
                for (int k = j; k < n; k++) {
                    sum += (double) copy.getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * n + k)
                            * copy.getAtIndex(ValueLayout.JAVA_FLOAT, (long) j * n + k);
                }
                double scale = Math.sqrt(damped.getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * n + i)
                        * damped.getAtIndex(ValueLayout.JAVA_FLOAT, (long) j * n + j));
                worst = Math.max(worst, Math.abs(sum - damped.getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * n + j)) / scale);
            }
        }
        assertThat(worst).isLessThan(1e-4);
    }

    @Test
    void importanceReachesTheFit() {
        Hessian hessian = identity(32);
        float[] weights = normal(2, 32);
        boolean[] seen = {false};
        WeightFormat spying = new WeightFormatSpy(FIXED, importance -> seen[0] = importance != null && importance[5] == 7);
        float[] importance = new float[32];
        importance[5] = 7;
        try (Rounding rounding = FeedbackRounding.ldlq(backend, spying, hessian, FeedbackOptions.LDLQ, Workers.caller())) {
            rounded(rounding, weights, 32, importance);
        }
        assertThat(seen[0]).isTrue();
    }

    @Test
    void channelsThatWereNeverActiveAreRoundedToNearest() {
        int n = 64;
        double[] h = new double[n * n];
        Hessian zero = hessian(h, n);
        float[] weights = normal(6, 4 * n);
        assertThat(gptq(FIXED, zero, FeedbackOptions.GPTQ, weights)).containsExactly(nearest(FIXED, weights, n));
    }

    @Test
    void whatIsNoHessianIsRefused() {
        MemorySegment values = arena.allocate(4 * 4 * 4, 64);
        assertThatThrownBy(() -> new Hessian(values, 5)).hasMessageContaining("columns = 5");
        values.setAtIndex(ValueLayout.JAVA_FLOAT, 5, Float.NaN);
        assertThatThrownBy(() -> new Hessian(values, 4)).hasMessageContaining("values[1][1] = NaN");
        values.setAtIndex(ValueLayout.JAVA_FLOAT, 5, 1);
        values.setAtIndex(ValueLayout.JAVA_FLOAT, 6, Float.NaN);
        WeightFormat format = new GridFormat(4, 1, 3, 1);
        assertThatThrownBy(() -> FeedbackRounding.gptq(backend, format, new Hessian(values, 4), FeedbackOptions.GPTQ, Workers.caller()))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("hessian[1][2] = NaN");
        Hessian indefinite = hessian(new double[]{1, 9, 9, 1}, 2);
        assertThatThrownBy(() -> FeedbackRounding.gptq(backend, new GridFormat(2, 1, 3, 1), indefinite, FeedbackOptions.GPTQ.withDamping(0),
                Workers.caller())).hasMessageContaining("not positive definite");
        assertThatThrownBy(() -> FeedbackRounding.gptq(backend, FIXED, indefinite, FeedbackOptions.GPTQ, Workers.caller()))
                .hasMessageContaining("columns = 2");
        try (Rounding rounding = Rounding.nearest(FIXED, Workers.caller())) {
            MemorySegment blocks = MemorySegment.ofArray(new byte[36]);
            WeightRows one = WeightRows.of(new float[32], 32);
            assertThatThrownBy(() -> rounding.encode(one, 0, 1, new float[31], blocks, 0)).hasMessageContaining("importance has 31");
            float[] negative = new float[32];
            negative[3] = -1;
            assertThatThrownBy(() -> rounding.encode(one, 0, 1, negative, blocks, 0)).hasMessageContaining("importance[3] = -1");
            assertThatThrownBy(() -> rounding.encode(one, 0, 2, null, blocks, 0)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> rounding.encode(one, 0, 1, null, blocks, 1)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void dampingGrowsUntilFp32CanFactorIt() {
        int n = 48;
        double[] h = new double[n * n];
        Arrays.fill(h, 1);
        try (FeedbackRounding rounding = FeedbackRounding.gptq(backend, new GridFormat(16, 1, 3, 0), hessian(h, n),
                FeedbackOptions.GPTQ.withDamping(0), Workers.caller())) {
            assertThat(rounding.damping()).isGreaterThan(0).isLessThan(0.1);
            assertThat(rounding.toString()).contains("48 columns");
        }
    }

    @Test
    void aFailureOfARowReachesTheCallerFromAnyThread() {
        float[] weights = normal(1, 64 * 32);
        weights[40 * 32] = Float.NaN;
        WeightFormat half = WeightFormats.parse("f16");
        try (Rounding rounding = Rounding.nearest(half, new Workers(ForkJoinPool.commonPool(), 4))) {
            assertThatThrownBy(() -> rounded(rounding, weights, 32, null)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("NaN");
        }
    }

    @Test
    void theLossIsTheQuadraticForm() {
        Hessian hessian = hessian(new double[]{2, 1, 1, 3}, 2);
        assertThat(hessian.loss(new float[]{0, 0}, new float[]{1, 2})).isCloseTo(2 + 4 + 12, within(1e-12));
    }
}
