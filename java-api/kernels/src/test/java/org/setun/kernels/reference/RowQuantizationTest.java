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

/** Absmax int8 quantization of activation rows. */
class RowQuantizationTest {

    private final ReferenceBackend backend = new ReferenceBackend();

    private record Rows(byte[] q, float[] step, int[] sum) {
    }

    private Rows quantize(long n, long k, long ldx, MemorySegment x) {
        MemorySegment q = OffHeap.bytes(n * ((k + 255) / 256 * 256)).fill((byte) 77);
        MemorySegment step = OffHeap.floats(n);
        MemorySegment sum = OffHeap.bytes(4 * n);
        backend.quantizeRows(x, n, k, ldx, q, step, sum);
        return new Rows(OffHeap.toBytes(q), OffHeap.toFloats(step), OffHeap.toInts(sum));
    }

    @Test
    void rowByHand() {
        Rows rows = quantize(1, 5, 5, OffHeap.of(127f, -63.5f, 0.5f, 1.5f, -0.4f));
        assertThat(Arrays.copyOf(rows.q, 5)).containsExactly(127, -64, 0, 2, 0); // ties to even
        assertThat(rows.step).containsExactly(1f);
        assertThat(rows.sum).containsExactly(65);
    }

    @Test
    void paddingIsZeroAndStrideIsSkipped() {
        Rows rows = quantize(2, 3, 5, OffHeap.of(1f, 1f, 1f, 9f, 9f, -2f, 2f, -2f));
        assertThat(rows.q).hasSize(512);
        assertThat(Arrays.copyOfRange(rows.q, 3, 256)).containsOnly(0);
        assertThat(Arrays.copyOfRange(rows.q, 256, 259)).containsExactly(-127, 127, -127);
        assertThat(Arrays.copyOfRange(rows.q, 259, 512)).containsOnly(0);
        assertThat(rows.sum).containsExactly(381, -127);
    }

    @Test
    void zeroAndDenormalRowsUseTheFloor() {
        Rows rows = quantize(2, 2, 2, OffHeap.of(0f, -0f, Float.MIN_VALUE, -1e-39f));
        assertThat(rows.q).containsOnly(0);
        assertThat(rows.step).containsOnly(1e-5f / 127f);
        assertThat(rows.sum).containsOnly(0);
    }

    @Test
    void theLargestFloatsFit() {
        Rows rows = quantize(1, 2, 2, OffHeap.of(Float.MAX_VALUE, -Float.MAX_VALUE));
        assertThat(Arrays.copyOf(rows.q, 2)).containsExactly(127, -127);
        assertThat(rows.step[0]).isEqualTo(Float.MAX_VALUE / 127f);
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void aNonFiniteRowIsMarkedAndItsNeighboursAreNot(float bad) {
        Rows rows = quantize(3, 2, 2, OffHeap.of(1f, 1f, 5f, bad, 2f, 2f));
        assertThat(rows.step[1]).isNaN();
        assertThat(rows.sum).containsExactly(254, 0, 254);
        assertThat(Arrays.copyOfRange(rows.q, 256, 512)).containsOnly(0);
        assertThat(rows.step[2]).isEqualTo(2f / 127f);
    }

    @Test
    void dequantizedRowsAreWithinHalfAStep() {
        MemorySegment x = OffHeap.gaussian(new SplittableRandom(4), 4 * 300, 3);
        Rows rows = quantize(4, 300, 300, x);
        MemorySegment y = OffHeap.floats(4 * 300);
        backend.dequantizeRows(OffHeap.of(rows.q), OffHeap.of(rows.step), 4, 300, y);
        float[] expected = OffHeap.toFloats(x);
        float[] actual = OffHeap.toFloats(y);
        for (int i = 0; i < actual.length; i++) {
            assertThat(actual[i]).isCloseTo(expected[i], within(rows.step[i / 300] * 0.50002f));
        }
    }

    @Test
    void noRowsAndNoValuesAreFine() {
        assertThat(quantize(0, 5, 5, OffHeap.floats(0)).step).isEmpty();
        assertThat(quantize(2, 0, 0, OffHeap.floats(0)).step).containsOnly(1e-5f / 127f);
    }
}
