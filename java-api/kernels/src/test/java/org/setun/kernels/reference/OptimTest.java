package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.setun.kernels.OptimOps.AdamW;
import org.setun.testsupport.OffHeap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** Clipping and AdamW. */
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
}
