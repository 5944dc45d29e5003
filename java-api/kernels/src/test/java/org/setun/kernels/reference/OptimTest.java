package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.setun.kernels.OptimOps.Adafactor;
import org.setun.kernels.OptimOps.AdamW;
import org.setun.kernels.OptimOps.Lion;
import org.setun.kernels.OptimOps.Sgd;
import org.setun.testsupport.OffHeap;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** Clipping and the rules of the optimizers. */
class OptimTest {

    private final ReferenceBackend backend = new ReferenceBackend();

    private float[] clip(float maxNorm, double... sums) {
        MemorySegment out = OffHeap.floats(2);
        backend.clipFactor(OffHeap.of(sums), sums.length, maxNorm, out);
        return OffHeap.toFloats(out);
    }

    @Test
    void clipFactorByHand() {
        assertThat(clip(1, 9, 16)).containsExactly(5f, 0.2f);
        assertThat(clip(5, 9, 16)).containsExactly(5f, 1f);
        assertThat(clip(0, 9, 16)).as("no limit").containsExactly(5f, 1f);
        assertThat(clip(1)).containsExactly(0f, 1f);
    }

    @Test
    void aNormThatIsNotFiniteStopsTheUpdate() {
        assertThat(clip(1, 1, Double.NaN)).containsExactly(Float.NaN, 0f);
        assertThat(clip(0, Double.POSITIVE_INFINITY)).containsExactly(Float.POSITIVE_INFINITY, 0f);
        assertThat(clip(1, 1e80)).as("beyond fp32").containsExactly(Float.POSITIVE_INFINITY, 0f);
    }

    @Test
    void threeStepsFollowTheFormulaInDouble() {
        double w = 0.5;
        double m = 0;
        double v = 0;
        MemorySegment weight = OffHeap.of(0.5f);
        MemorySegment mean = OffHeap.of(0f);
        MemorySegment variance = OffHeap.of(0f);
        for (int t = 1; t <= 3; t++) {
            double g = 0.1 * t * 0.5;
            m = 0.9 * m + 0.1 * g;
            v = 0.95 * v + 0.05 * g * g;
            double bias1 = 1 - Math.pow(0.9, t);
            double bias2 = 1 - Math.pow(0.95, t);
            w -= 0.01 * (m / bias1 / (Math.sqrt(v / bias2) + 1e-8) + 0.1 * w);
            AdamW step = new AdamW(0.01f, 0.9f, 0.95f, 1e-8f, 0.1f, (float) bias1, (float) bias2);
            backend.adamW(step, 1, weight, OffHeap.of(0.1f * t), mean, variance, OffHeap.of(0.5f));
            assertThat(OffHeap.toFloats(weight)[0]).isCloseTo((float) w, within(2e-7f));
        }
        assertThat(OffHeap.toFloats(mean)[0]).isCloseTo((float) m, within(1e-8f));
    }

    @Test
    void factorZeroLeavesWeightsAndMomentsAlone() {
        MemorySegment w = OffHeap.of(1f);
        MemorySegment m = OffHeap.of(2f);
        MemorySegment v = OffHeap.of(3f);
        AdamW step = new AdamW(0.1f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.1f, 0.05f);
        backend.adamW(step, 1, w, OffHeap.of(Float.NaN), m, v, OffHeap.of(0f));
        assertThat(new float[]{OffHeap.toFloats(w)[0], OffHeap.toFloats(m)[0], OffHeap.toFloats(v)[0]}).containsExactly(1f, 2f, 3f);
        backend.adamW(step, 1, w, OffHeap.of(1f), m, v, null);
        assertThat(OffHeap.toFloats(w)[0]).isNotEqualTo(1f);
    }

    @Test
    void sumsGoToTheirSegment() {
        MemorySegment out = OffHeap.of(0.0);
        backend.sum(OffHeap.of(1f, -3f, 0.5f), 3, out);
        assertThat(OffHeap.toDoubles(out)).containsExactly(-1.5);
        backend.sumSquares(OffHeap.of(1f, -3f, 0.5f), 3, out);
        assertThat(OffHeap.toDoubles(out)).containsExactly(10.25);
    }

    /** Ten steps of each rule, written anew in double from the papers. */
    @Test
    void tenStepsOfEachRuleFollowItsFormula() {
        double[] gradients = {0.3, -0.1, 0.25, 0.4, -0.6, 0.05, 0.0, 0.7, -0.2, 0.1};
        double decay = 0.02;
        double rate = 0.03;
        double sgd = 0.5;
        double plain = 0.5;
        double nesterov = 0.5;
        double lion = 0.5;
        double adam = 0.5;
        double[] m = new double[5];
        double v = 0;
        MemorySegment[] w = new MemorySegment[5];
        MemorySegment[] means = new MemorySegment[5];
        for (int i = 0; i < 5; i++) {
            w[i] = OffHeap.of(0.5f);
            means[i] = OffHeap.of(0f);
        }
        MemorySegment variance = OffHeap.of(0f);
        for (int t = 1; t <= 10; t++) {
            double g = gradients[t - 1];
            MemorySegment gradient = OffHeap.of((float) g);
            plain -= rate * (g + decay * plain);
            double g0 = g + decay * sgd;
            m[0] = 0.9 * m[0] + g0;
            sgd -= rate * m[0];
            double g1 = g + decay * nesterov;
            m[1] = 0.9 * m[1] + g1;
            nesterov -= rate * (g1 + 0.9 * m[1]);
            lion -= rate * (Math.signum(0.9 * m[2] + 0.1 * g) + decay * lion);
            m[2] = 0.99 * m[2] + 0.01 * g;
            double g3 = g + decay * adam;
            m[3] = 0.9 * m[3] + 0.1 * g3;
            v = 0.99 * v + 0.01 * g3 * g3;
            double bias1 = 1 - Math.pow(0.9, t);
            double bias2 = 1 - Math.pow(0.99, t);
            adam -= rate * (m[3] / bias1) / (Math.sqrt(v / bias2) + 1e-8);
            backend.sgd(new Sgd((float) rate, 0, (float) decay, false), 1, w[4], gradient, null, null);
            backend.sgd(new Sgd((float) rate, 0.9f, (float) decay, false), 1, w[0], gradient, means[0], null);
            backend.sgd(new Sgd((float) rate, 0.9f, (float) decay, true), 1, w[1], gradient, means[1], null);
            backend.lion(new Lion((float) rate, 0.9f, 0.99f, (float) decay), 1, w[2], gradient, means[2], null);
            backend.adam(new AdamW((float) rate, 0.9f, 0.99f, 1e-8f, (float) decay, (float) bias1, (float) bias2), 1, w[3], gradient,
                    means[3],
                    variance, null);
        }
        double[] expected = {sgd, nesterov, lion, adam, plain};
        for (int i = 0; i < 5; i++) {
            assertThat(OffHeap.toFloats(w[i])[0]).as("rule %d", i).isCloseTo((float) expected[i], within(1e-6f));
        }
    }

    @Test
    void theDirectionIsTheStepWithoutTheRate() {
        AdamW step = new AdamW(0.25f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.1f, 0.05f);
        MemorySegment[] w = {OffHeap.of(0.5f), OffHeap.of(0.5f)};
        MemorySegment direction = OffHeap.of(0f);
        backend.adamW(step, 1, w[0], OffHeap.of(0.3f), OffHeap.of(0.1f), OffHeap.of(0.2f), null);
        backend.adamDirection(step, 1, w[1], OffHeap.of(0.3f), OffHeap.of(0.1f), OffHeap.of(0.2f), null, direction);
        assertThat(OffHeap.toFloats(w[1])).as("stays").containsExactly(0.5f);
        assertThat(0.5f - 0.25f * OffHeap.toFloats(direction)[0]).isEqualTo(OffHeap.toFloats(w[0])[0]);
    }

    /** Ten steps in double of what the paper says, with beta2 = 1 - t^-0.8, on a matrix and on a vector. */
    @Test
    void adafactorFollowsItsPaper() {
        for (int[] shape : new int[][]{{3, 5}, {1, 7}}) {
            int rows = shape[0];
            int columns = shape[1];
            SplittableRandom random = new SplittableRandom(rows);
            double[] w = new double[rows * columns];
            MemorySegment weight = OffHeap.floats(w.length);
            MemorySegment row = OffHeap.floats(rows);
            MemorySegment column = OffHeap.floats(columns);
            double[] r = new double[rows];
            double[] c = new double[columns];
            for (int t = 1; t <= 10; t++) {
                double beta2 = 1 - Math.pow(t, -0.8);
                float[] g = new float[w.length];
                double[] rowMean = new double[rows];
                double[] columnMean = new double[columns];
                for (int i = 0; i < g.length; i++) {
                    g[i] = (float) random.nextGaussian() * (t == 5 ? 30 : 1);
                    rowMean[i / columns] += (double) g[i] * g[i] / columns;
                    columnMean[i % columns] += (double) g[i] * g[i] / rows;
                }
                double mean = 0;
                for (int i = 0; i < rows; i++) {
                    r[i] = beta2 * r[i] + (1 - beta2) * rowMean[i];
                    mean += r[i] / rows;
                }
                for (int j = 0; j < columns; j++) {
                    c[j] = beta2 * c[j] + (1 - beta2) * columnMean[j];
                }
                double[] u = new double[w.length];
                double squares = 0;
                for (int i = 0; i < w.length; i++) {
                    u[i] = g[i] / Math.sqrt(r[i / columns] * c[i % columns] / mean);
                    squares += u[i] * u[i];
                }
                double clip = Math.max(1, Math.sqrt(squares / w.length));
                for (int i = 0; i < w.length; i++) {
                    w[i] -= 0.1 * (u[i] / clip + 0.02 * w[i]);
                }
                backend.adafactor(new Adafactor(0.1f, (float) beta2, 1e-30f, 1, 0.02f), rows, columns, weight, OffHeap.of(g), row, column,
                        null);
            }
            float[] actual = OffHeap.toFloats(weight);
            for (int i = 0; i < w.length; i++) {
                assertThat(actual[i]).isCloseTo((float) w[i], within(2e-6f));
            }
        }
    }

    /** On a noisy quadratic, 8-bit moments lead where 32-bit ones do, and the scale of a block is its largest moment. */
    @Test
    void eightBitMomentsStayNearThoseOfAdamW() {
        int n = 600;
        SplittableRandom random = new SplittableRandom(3);
        MemorySegment[] w = {OffHeap.gaussian(random, n, 1), OffHeap.floats(n)};
        w[1].copyFrom(w[0]);
        MemorySegment m = OffHeap.floats(n);
        MemorySegment v = OffHeap.floats(n);
        MemorySegment m8 = OffHeap.bytes(n);
        MemorySegment v8 = OffHeap.bytes(n);
        MemorySegment mScale = OffHeap.floats(3);
        MemorySegment vScale = OffHeap.floats(3);
        for (int t = 1; t <= 60; t++) {
            AdamW step = new AdamW(0.02f, 0.9f, 0.99f, 1e-8f, 0, (float) (1 - Math.pow(0.9, t)), (float) (1 - Math.pow(0.99, t)));
            MemorySegment noise = OffHeap.gaussian(random, n, 0.1);
            MemorySegment[] g = {OffHeap.floats(n), OffHeap.floats(n)};
            for (int i = 0; i < n; i++) {
                g[0].setAtIndex(JAVA_FLOAT, i, w[0].getAtIndex(JAVA_FLOAT, i) + noise.getAtIndex(JAVA_FLOAT, i));
                g[1].setAtIndex(JAVA_FLOAT, i, w[1].getAtIndex(JAVA_FLOAT, i) + noise.getAtIndex(JAVA_FLOAT, i));
            }
            backend.adamW(step, n, w[0], g[0], m, v, null);
            backend.adamW8(step, n, w[1], g[1], m8, v8, mScale, vScale, null);
        }
        double difference = 0;
        for (int i = 0; i < n; i++) {
            difference += Math.abs(w[0].getAtIndex(JAVA_FLOAT, i) - w[1].getAtIndex(JAVA_FLOAT, i)) / n;
            assertThat(m8.get(JAVA_BYTE, i) == -128).as("1 is the largest of its block")
                    .isEqualTo(DynamicMap.SIGNED.level(m8.get(JAVA_BYTE, i)) == 1);
        }
        assertThat(difference).isLessThan(0.02);
        assertThat(mScale.getAtIndex(JAVA_FLOAT, 2)).isPositive();
    }

    @Test
    void aBlockWithAValueThatIsNotFiniteShows() {
        MemorySegment scale = OffHeap.floats(1);
        MemorySegment m = OffHeap.bytes(4);
        AdamW step = new AdamW(0.02f, 0.9f, 0.99f, 1e-8f, 0, 0.1f, 0.01f);
        backend.adamW8(step, 4, OffHeap.floats(4), OffHeap.of(1f, Float.NaN, 2f, 3f), m, OffHeap.bytes(4), scale, OffHeap.floats(1), null);
        assertThat(OffHeap.toFloats(scale)[0]).isNaN();
        assertThat(m.toArray(JAVA_BYTE)).containsOnly(0);
    }
}
