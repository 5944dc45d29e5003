package org.setun.quant.incoherence;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.quant.incoherence.Incoherence.Method;
import org.setun.testsupport.OffHeap;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Rotations on both sides of a weight matrix. */
class IncoherenceTest {

    private static final int ROWS = 96; // 12 x 2^3
    private static final int COLUMNS = 160; // 20 x 2^3

    private static MemorySegment outliers(long seed) {
        MemorySegment w = OffHeap.gaussian(new SplittableRandom(seed), (long) ROWS * COLUMNS, 0.05);
        for (int i = 0; i < ROWS; i++) {
            w.setAtIndex(JAVA_FLOAT, (long) i * COLUMNS + 7, 0.3f); // one input channel stands out
        }
        w.setAtIndex(JAVA_FLOAT, 3L * COLUMNS + 50, -3f);
        return w;
    }

    private static float[] product(float[] w, float[] x) {
        float[] y = new float[ROWS];
        for (int i = 0; i < ROWS; i++) {
            double sum = 0;
            for (int j = 0; j < COLUMNS; j++) {
                sum += (double) w[i * COLUMNS + j] * x[j];
            }
            y[i] = (float) sum;
        }
        return y;
    }

    @ParameterizedTest
    @EnumSource
    void outliersAreSpreadAndTheInverseIsExact(Method method) {
        try (Backend backend = Backends.open()) {
            IncoherenceTransform transform = new Incoherence(method, 42).transform(backend, ROWS, COLUMNS);
            MemorySegment w = outliers(1);
            float[] original = OffHeap.toFloats(w);
            IncoherenceMetrics before = IncoherenceMetrics.of(w, ROWS, COLUMNS);
            transform.rotateWeights(w);
            IncoherenceMetrics after = IncoherenceMetrics.of(w, ROWS, COLUMNS);
            assertThat(after.mu()).isLessThan(before.mu() / 5).isLessThan(6);
            assertThat(before.kurtosis()).isGreaterThan(100);
            assertThat(after.kurtosis()).isCloseTo(3, within(0.5));
            assertThat(after.maxOverRms()).isLessThan(0.8 * before.maxOverRms());
            assertThat(squares(OffHeap.toFloats(w))).isCloseTo(squares(original), within(1e-5 * squares(original)));
            transform.restoreWeights(w);
            float[] back = OffHeap.toFloats(w);
            for (int i = 0; i < back.length; i++) {
                assertThat(back[i]).isCloseTo(original[i], within(1e-5f * 3));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aRotatedLayerGivesTheSameOutputs(Method method) {
        try (Backend backend = Backends.open()) {
            IncoherenceTransform transform = new Incoherence(method, 7).transform(backend, ROWS, COLUMNS);
            float[] w = OffHeap.toFloats(outliers(2));
            MemorySegment x = OffHeap.gaussian(new SplittableRandom(3), COLUMNS, 1);
            float[] expected = product(w, OffHeap.toFloats(x));
            transform.rotateWeights(w);
            transform.rotateInput(x, 1);
            MemorySegment y = OffHeap.of(product(w, OffHeap.toFloats(x)));
            transform.restoreOutput(y, 1);
            for (int i = 0; i < ROWS; i++) {
                assertThat(y.getAtIndex(JAVA_FLOAT, i)).isCloseTo(expected[i], within(1e-4f));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void theHessianOfRotatedInputsIsTheRotatedHessian(Method method) {
        try (Backend backend = Backends.open()) {
            IncoherenceTransform transform = new Incoherence(method, 9).transform(backend, ROWS, COLUMNS);
            int samples = 30;
            MemorySegment x = OffHeap.gaussian(new SplittableRandom(4), (long) samples * COLUMNS, 1);
            float[] hessian = hessian(OffHeap.toFloats(x), samples);
            transform.rotateHessian(hessian);
            transform.rotateInput(x, samples);
            float[] expected = hessian(OffHeap.toFloats(x), samples);
            for (int i = 0; i < hessian.length; i++) {
                assertThat(hessian[i]).isCloseTo(expected[i], within(1e-5f));
                assertThat(hessian[i]).isEqualTo(hessian[i % COLUMNS * COLUMNS + i / COLUMNS]);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyBackendMakesTheSameRotationAndAFileRestoresIt(Method method) {
        try (Backend backend = Backends.open(); Backend reference = new ReferenceBackend()) {
            IncoherenceTransform made = new Incoherence(method, -5).transform(backend, ROWS, COLUMNS);
            String text = Incoherence.describe(made);
            assertThat(text).startsWith(method.label() + "/1/");
            IncoherenceTransform again = Incoherence.restore(text, -5, new Rotations(reference), ROWS, COLUMNS);
            float[] one = OffHeap.toFloats(outliers(6));
            float[] other = one.clone();
            made.rotateWeights(one);
            again.rotateWeights(other);
            for (int i = 0; i < one.length; i++) {
                assertThat(one[i]).isCloseTo(other[i], within(method == Method.HADAMARD ? 0f : 1e-5f));
            }
            assertThatThrownBy(() -> Incoherence.restore(text, -5, new Rotations(reference), ROWS, COLUMNS * 2))
                    .hasMessageContaining("would be built as");
            for (String bad : new String[]{"", "hadamard", "hadamard/x/a/b", "hadamard/2/a/b", "cayley/1/a/b"}) {
                assertThatThrownBy(() -> Incoherence.restore(bad, 1, new Rotations(reference), ROWS, COLUMNS))
                        .isInstanceOf(IllegalArgumentException.class);
            }
        }
    }

    @Test
    void anOrthogonalRotationIsOrthogonal() {
        try (Backend backend = Backends.open()) {
            int n = 129;
            MemorySegment unit = OffHeap.floats((long) n * n);
            for (int i = 0; i < n; i++) {
                unit.setAtIndex(JAVA_FLOAT, (long) i * n + i, 1);
            }
            new OrthogonalRotation(backend, n, 3).forward(unit, n);
            float[] columns = OffHeap.toFloats(unit);
            for (int a = 0; a < n; a++) {
                for (int b = 0; b <= a; b++) {
                    double dot = 0;
                    for (int j = 0; j < n; j++) {
                        dot += (double) columns[a * n + j] * columns[b * n + j];
                    }
                    assertThat(dot).isCloseTo(a == b ? 1 : 0, within(1e-6));
                }
            }
            assertThatThrownBy(() -> new OrthogonalRotation(backend, OrthogonalRotation.MAX_SIZE + 1, 1)).hasMessageContaining("hadamard");
        }
    }

    /** What matrices share is made once; what a file can ask for in a few bytes is limited in all. */
    @ParameterizedTest
    @EnumSource(Method.class)
    void matricesThatReadTheSameInputsShareTheirRotation(Method method) {
        try (Backend backend = Backends.open()) {
            Rotations rotations = new Rotations(backend);
            IncoherenceTransform query = new Incoherence(method, 4).transform(rotations, 48, 64);
            IncoherenceTransform key = new Incoherence(method, 4).transform(rotations, 16, 64);
            assertThat(key.input()).isSameAs(query.input());
            assertThat(new Incoherence(method, 4).transform(rotations, 48, 64).output()).isSameAs(query.output());
            assertThat(new Incoherence(method, 5).transform(rotations, 48, 64).input()).isNotSameAs(query.input());
            for (int i = 0; i < 9; i++) {
                new Incoherence(method, 10 + i).transform(rotations, 8, 8);
            }
            assertThat(new Incoherence(method, 4).transform(rotations, 16, 64).input()).isNotSameAs(query.input());
        }
        try (Backend backend = new ReferenceBackend()) {
            Rotations few = new Rotations(backend, 3 * Math.pow(16, 3));
            new Incoherence(Method.ORTHOGONAL, 1).transform(few, 16, 16);
            new Incoherence(Method.ORTHOGONAL, 1).transform(few, 16, 16);
            assertThatThrownBy(() -> new Incoherence(Method.ORTHOGONAL, 3).transform(few, 16, 16)).hasMessageContaining("hadamard");
        }
        Rotations.requireWork(4 * Math.pow(4096, 3));
        assertThatThrownBy(() -> Rotations.requireWork(5 * Math.pow(4096, 3))).hasMessageContaining("hadamard");
    }

    @Test
    void effectsAverageOverMatrices() {
        IncoherenceEffect one = new IncoherenceEffect(new IncoherenceMetrics(4, 9, 3), new IncoherenceMetrics(2, 3, 1));
        IncoherenceEffect two = new IncoherenceEffect(new IncoherenceMetrics(8, 5, 5), new IncoherenceMetrics(4, 5, 3));
        IncoherenceEffect none = new IncoherenceEffect(new IncoherenceMetrics(0, Double.NaN, 0), new IncoherenceMetrics(0, Double.NaN, 0));
        assertThat(IncoherenceEffect.mean(List.of(one, two, none))).hasValue(
                new IncoherenceEffect(new IncoherenceMetrics(6, 7, 4), new IncoherenceMetrics(3, 4, 2)));
        assertThat(IncoherenceEffect.mean(List.of(none))).isEmpty();
        assertThat(one).hasToString("mu 4.00 -> 2.00, kurtosis 9.00 -> 3.00, max/RMS of a row 3.00 -> 1.00");
    }

    @Test
    void signsFoldIntoTheGainOfTheNormBefore() {
        try (Backend backend = Backends.open()) {
            HadamardRotation rotation = (HadamardRotation) new Incoherence(Method.HADAMARD, 8).transform(backend, ROWS, COLUMNS).input();
            MemorySegment normed = OffHeap.gaussian(new SplittableRandom(9), COLUMNS, 1);
            MemorySegment gain = OffHeap.gaussian(new SplittableRandom(10), COLUMNS, 1);
            MemorySegment apart = times(normed, gain);
            rotation.forward(apart, 1);
            rotation.foldSigns(gain);
            MemorySegment folded = times(normed, gain);
            rotation.forwardOfSigned(folded, 1);
            assertThat(folded.mismatch(apart)).isEqualTo(-1);
        }
    }

    @Test
    void metricsByHand() {
        IncoherenceMetrics metrics = IncoherenceMetrics.of(new float[]{1, -1, 3, 1, 0, 0, 0, 0}, 4);
        assertThat(metrics.mu()).isCloseTo(3 / Math.sqrt(12.0 / 8), within(1e-12));
        assertThat(metrics.maxOverRms()).isCloseTo(3 / Math.sqrt(3), within(1e-12));
        assertThat(metrics.kurtosis()).isCloseTo(kurtosis(1, -1, 3, 1, 0, 0, 0, 0), within(1e-9));
        assertThat(IncoherenceMetrics.of(new float[4], 2).mu()).isZero();
    }

    private static double kurtosis(double... values) {
        double mean = java.util.Arrays.stream(values).average().orElseThrow();
        double second = java.util.Arrays.stream(values).map(v -> Math.pow(v - mean, 2)).average().orElseThrow();
        return java.util.Arrays.stream(values).map(v -> Math.pow(v - mean, 4)).average().orElseThrow() / second / second;
    }

    private static MemorySegment times(MemorySegment a, MemorySegment b) {
        MemorySegment c = OffHeap.floats(COLUMNS);
        for (int i = 0; i < COLUMNS; i++) {
            c.setAtIndex(JAVA_FLOAT, i, a.getAtIndex(JAVA_FLOAT, i) * b.getAtIndex(JAVA_FLOAT, i));
        }
        return c;
    }

    private static float[] hessian(float[] x, int samples) {
        float[] h = new float[COLUMNS * COLUMNS];
        for (int i = 0; i < COLUMNS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                double sum = 0;
                for (int s = 0; s < samples; s++) {
                    sum += (double) x[s * COLUMNS + i] * x[s * COLUMNS + j];
                }
                h[i * COLUMNS + j] = (float) (sum / samples);
            }
        }
        return h;
    }

    private static double squares(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return sum;
    }
}
