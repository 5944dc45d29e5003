package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.setun.testsupport.OffHeap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Products of packed weights with quantized and with fp32 activations. */
class TernaryProductTest {

    private final ReferenceBackend backend = new ReferenceBackend();

    private MemorySegment pack(int m, int k, MemorySegment codes) {
        MemorySegment packed = OffHeap.bytes((m + 3) / 4 * ((k + 255) / 256 * 256L));
        backend.ternaryPack(codes, m, k, packed);
        return packed;
    }

    @Test
    void smallProductByHand() {
        MemorySegment packed = pack(2, 3, OffHeap.of(new byte[]{1, -1, 0, -1, -1, 1}));
        MemorySegment q = OffHeap.bytes(256);
        MemorySegment.copy(OffHeap.of(new byte[]{10, -3, 7}), 0, q, 0, 3);
        MemorySegment y = OffHeap.floats(2);
        MemorySegment acc = OffHeap.bytes(8);
        MemorySegment bias = OffHeap.of(100f, 200f);
        MemorySegment residual = OffHeap.of(0.5f, 0.25f);
        backend.ternaryGemm(packed, 2, 3, OffHeap.of(2f), q, OffHeap.of(0.25f), OffHeap.of(14), 1, bias, residual, y, 2, acc);
        assertThat(OffHeap.toInts(acc)).containsExactly(13, 0);
        assertThat(OffHeap.toFloats(y)).containsExactly(6.5f + 100 + 0.5f, 200.25f);
    }

    @Test
    void residualMayBeTheOutputAndStrideGapsStay() {
        MemorySegment packed = pack(1, 1, OffHeap.of(new byte[]{1}));
        MemorySegment q = OffHeap.bytes(512);
        q.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 0, (byte) 3);
        q.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 256, (byte) 4);
        MemorySegment y = OffHeap.of(1f, 42f, 2f);
        backend.ternaryGemm(packed, 1, 1, OffHeap.of(1f), q, OffHeap.of(1f, 1f), OffHeap.of(3, 4), 2, null, y, y, 2, null);
        assertThat(OffHeap.toFloats(y)).containsExactly(4f, 42f, 6f);
    }

    @Test
    void aRowMarkedNonFiniteGivesNaN() {
        MemorySegment packed = pack(1, 2, OffHeap.of(new byte[]{0, 0}));
        MemorySegment q = OffHeap.bytes(512);
        MemorySegment y = OffHeap.floats(2);
        backend.ternaryGemm(packed, 1, 2, OffHeap.of(1f), q, OffHeap.of(Float.NaN, 1f), OffHeap.of(0, 0), 2, null, null, y, 1, null);
        assertThat(OffHeap.toFloats(y)).containsExactly(Float.NaN, 0f);
    }

    @Test
    void quantizedAndExactActivationsAgreeWithinTheQuantizationError() {
        int m = 5;
        int k = 700;
        int n = 3;
        SplittableRandom random = new SplittableRandom(5);
        MemorySegment codes = OffHeap.codes(random, m * k);
        MemorySegment packed = pack(m, k, codes);
        MemorySegment x = OffHeap.gaussian(random, n * k, 1);
        MemorySegment q = OffHeap.bytes(n * 768);
        MemorySegment step = OffHeap.floats(n);
        MemorySegment sum = OffHeap.bytes(4 * n);
        MemorySegment quantized = OffHeap.floats(n * m);
        MemorySegment exact = OffHeap.floats(n * m);
        MemorySegment gamma = OffHeap.of(0.5f);
        backend.quantizeRows(x, n, k, k, q, step, sum);
        backend.ternaryGemm(packed, m, k, gamma, q, step, sum, n, null, null, quantized, m, null);
        backend.ternaryGemmF32(packed, m, k, gamma, x, n, k, null, exact, m);
        for (int i = 0; i < n * m; i++) {
            double expected = 0;
            for (int j = 0; j < k; j++) {
                expected += 0.5 * OffHeap.toBytes(codes)[i % m * k + j] * OffHeap.toFloats(x)[i / m * k + j];
            }
            assertThat(OffHeap.toFloats(exact)[i]).isCloseTo((float) expected, within(1e-5f));
            assertThat(OffHeap.toFloats(quantized)[i]).isCloseTo((float) expected, within(OffHeap.toFloats(step)[i / m] * 0.25f * k));
        }
    }

    @Test
    void emptyShapesWriteNothingOrZero() {
        MemorySegment y = OffHeap.of(7f, 7f);
        MemorySegment none = OffHeap.bytes(0);
        backend.ternaryGemm(none, 2, 0, OffHeap.of(1f), none, OffHeap.of(1f), OffHeap.of(0), 1, null, null, y, 2, null);
        assertThat(OffHeap.toFloats(y)).containsExactly(0f, 0f);
        y.fill((byte) 1);
        float untouched = OffHeap.toFloats(y)[0];
        backend.ternaryGemm(OffHeap.bytes(256), 1, 5, OffHeap.of(1f), none, none, none, 0, null, null, y, 1, null);
        assertThat(OffHeap.toFloats(y)).containsOnly(untouched);
    }

    @Test
    void rowsTooLongForInt32SumsAreRefused() {
        MemorySegment none = OffHeap.bytes(0);
        assertThatThrownBy(() -> backend.ternaryGemm(none, 0, 16_000_001, OffHeap.of(1f), none, none, none, 0, null, null, none, 0, none))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("k = 16000001").hasMessageContaining("16000000");
    }
}
