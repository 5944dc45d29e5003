package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.testsupport.OffHeap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** Absmean ternary quantization of weights. */
class AbsmeanTest {

    private final ReferenceBackend backend = new ReferenceBackend();

    private record Quantized(byte[] codes, float gamma) {
    }

    private Quantized quantize(long m, long k, MemorySegment w) {
        MemorySegment codes = OffHeap.bytes(m * k);
        MemorySegment gamma = OffHeap.of(-1f);
        backend.ternaryQuantize(w, m, k, codes, gamma);
        return new Quantized(OffHeap.toBytes(codes), OffHeap.toFloats(gamma)[0]);
    }

    @Test
    void normalWeightsGiveTheClosedFormFigures() {
        double sigma = 0.02;
        MemorySegment w = OffHeap.gaussian(new SplittableRandom(1), 512 * 1024, sigma);
        Quantized q = quantize(512, 1024, w);
        float[] x = OffHeap.toFloats(w);
        double zeros = 0;
        double signal = 0;
        double noise = 0;
        for (int i = 0; i < x.length; i++) {
            zeros += q.codes[i] == 0 ? 1 : 0;
            signal += (double) x[i] * x[i];
            noise += Math.pow(x[i] - q.gamma * q.codes[i], 2);
        }
        assertThat(q.gamma / sigma).isCloseTo(Math.sqrt(2 / Math.PI), within(0.004)); // 4 standard errors
        assertThat(zeros / x.length).isCloseTo(0.3101, within(0.003));
        assertThat(10 * Math.log10(signal / noise)).isCloseTo(5.79, within(0.03));
    }

    @Test
    void smallMatrixByHand() {
        Quantized q = quantize(2, 3, OffHeap.of(0.5f, -1.5f, 0.25f, 2f, -0.75f, 1f)); // mean |w| = 1
        assertThat(q.gamma).isEqualTo(1f);
        assertThat(q.codes).containsExactly(0, -1, 0, 1, -1, 1); // 0.5 ties to 0; rint(2) is clamped
    }

    @Test
    void halfOfGammaTiesToZeroAndItsSuccessorDoesNot() {
        float above = Math.nextUp(0.5f);
        Quantized q = quantize(1, 4, OffHeap.of(0.5f, above, -0.5f, 2.5f - (above - 0.5f)));
        assertThat(q.gamma).isEqualTo(1f);
        assertThat(q.codes).containsExactly(0, 1, 0, 1);
    }

    @Test
    void zerosGetTheFloor() {
        Quantized q = quantize(3, 5, OffHeap.floats(15));
        assertThat(q.gamma).isEqualTo(1e-5f);
        assertThat(q.codes).containsOnly(0);
    }

    @Test
    void denormalWeightsGetTheFloorAndCodeZero() {
        Quantized q = quantize(1, 2, OffHeap.of(Float.MIN_VALUE, -1e-40f));
        assertThat(q.gamma).isEqualTo(1e-5f);
        assertThat(q.codes).containsOnly(0);
    }

    @Test
    void anEmptyMatrixHasTheFloorAsScale() {
        assertThat(quantize(0, 7, OffHeap.floats(0)).gamma).isEqualTo(1e-5f);
        assertThat(quantize(7, 0, OffHeap.floats(0)).gamma).isEqualTo(1e-5f);
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void oneNonFiniteWeightPoisonsTheMatrixVisibly(float bad) {
        float[] w = new float[5000];
        Arrays.fill(w, 1f);
        w[4321] = bad;
        Quantized q = quantize(5, 1000, OffHeap.of(w));
        assertThat(q.gamma).isNaN();
        assertThat(q.codes).containsOnly(0);
    }

    @Test
    void overflowOfALaneCountsAsNonFinite() {
        float[] w = new float[32];
        w[0] = w[16] = Float.MAX_VALUE; // the same lane
        assertThat(quantize(1, 32, OffHeap.of(w)).gamma).isNaN();
        w[16] = 0;
        w[1] = Float.MAX_VALUE; // two lanes meet in double
        assertThat(quantize(1, 32, OffHeap.of(w)).gamma).isEqualTo(Float.MAX_VALUE / 16);
    }

    @Test
    void packedAndPlainQuantizationAgree() {
        MemorySegment w = OffHeap.gaussian(new SplittableRandom(2), 7 * 300, 1);
        Quantized expected = quantize(7, 300, w);
        MemorySegment packed = OffHeap.bytes(2 * 512);
        MemorySegment gamma = OffHeap.of(0f);
        MemorySegment codes = OffHeap.bytes(7 * 300);
        backend.ternaryQuantizePack(w, 7, 300, packed, gamma);
        backend.ternaryUnpack(packed, 7, 300, codes);
        assertThat(OffHeap.toBytes(codes)).isEqualTo(expected.codes);
        assertThat(OffHeap.toFloats(gamma)).containsExactly(expected.gamma);
    }

    @Test
    void expandingGivesGammaTimesCode() {
        MemorySegment packed = OffHeap.bytes(256);
        MemorySegment out = OffHeap.floats(3);
        backend.ternaryPack(OffHeap.of(new byte[]{1, 0, -1}), 1, 3, packed);
        backend.ternaryExpand(packed, 1, 3, OffHeap.of(0.25f), out);
        assertThat(OffHeap.toFloats(out)).containsExactly(0.25f, 0f, -0.25f);
        backend.ternaryExpand(packed, 1, 3, OffHeap.of(Float.NaN), out);
        assertThat(OffHeap.toFloats(out)).containsOnly(Float.NaN);
    }
}
