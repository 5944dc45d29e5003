package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.NnOps.Attention;
import org.setun.kernels.NnOps.Glu;
import org.setun.kernels.NnOps.Rope;
import org.setun.testsupport.OffHeap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** Every backward operation against finite differences of its forward. */
class GradientTest {

    private final ReferenceBackend backend = new ReferenceBackend();

    private static MemorySegment inputs(long count, long seed) {
        return GradientCheck.inputs(count, 0, seed);
    }

    @Test
    void rmsNorm() {
        int n = 3;
        int d = 7;
        MemorySegment x = inputs(n * d, 1);
        MemorySegment w = inputs(d, 2);
        MemorySegment rstd = OffHeap.floats(n);
        MemorySegment y = OffHeap.floats(n * d);
        MemorySegment dx = OffHeap.floats(n * d);
        MemorySegment dw = OffHeap.floats(d);
        GradientCheck check = new GradientCheck(n * d, 3);
        backend.rmsNormForward(x, w, n, d, 1e-5f, y, rstd);
        backend.rmsNormBackward(x, w, rstd, check.outputGradient(), n, d, dx, false, dw);
        check.check(x, dx, () -> rmsNorm(x, w, n, d));
        check.check(w, dw, () -> rmsNorm(x, w, n, d));
    }

    private MemorySegment rmsNorm(MemorySegment x, MemorySegment w, int n, int d) {
        MemorySegment y = OffHeap.floats((long) n * d);
        backend.rmsNormForward(x, w, n, d, 1e-5f, y, null);
        return y;
    }

    @Test
    void rmsNormAddsIntoGradientsWhenAsked() {
        MemorySegment x = inputs(6, 1);
        MemorySegment w = inputs(3, 2);
        MemorySegment dy = inputs(6, 3);
        MemorySegment rstd = OffHeap.floats(2);
        backend.rmsNormForward(x, w, 2, 3, 1e-5f, OffHeap.floats(6), rstd);
        MemorySegment written = OffHeap.of(9f, 9f, 9f, 9f, 9f, 9f);
        MemorySegment added = OffHeap.of(1024f, 1024f, 1024f, 1024f, 1024f, 1024f);
        MemorySegment dw = OffHeap.of(0f, 0f, 0f);
        backend.rmsNormBackward(x, w, rstd, dy, 2, 3, written, false, dw);
        backend.rmsNormBackward(x, w, rstd, dy, 2, 3, added, true, dw);
        for (int i = 0; i < 6; i++) {
            assertThat(Segments.f32(added, i) - 1024).isCloseTo(Segments.f32(written, i), within(1e-3f));
        }
        MemorySegment once = OffHeap.floats(3);
        backend.rmsNormBackward(x, w, rstd, dy, 2, 3, written, false, once);
        for (int i = 0; i < 3; i++) {
            assertThat(Segments.f32(dw, i)).isCloseTo(2 * Segments.f32(once, i), within(1e-6f));
        }
    }

    @ParameterizedTest
    @EnumSource
    void rope(Rope convention) {
        MemorySegment positions = OffHeap.of(0, 1, 77);
        MemorySegment x = inputs(3 * 10, 4);
        GradientCheck check = new GradientCheck(30, 5);
        MemorySegment dx = check.outputGradient();
        backend.rope(dx, 3, 2, 4, 10, positions, 10000, convention, true);
        check.check(x, dx, () -> {
            MemorySegment y = OffHeap.of(OffHeap.toFloats(x));
            backend.rope(y, 3, 2, 4, 10, positions, 10000, convention, false);
            return y;
        });
    }

    /** Square, offset and grouped shapes, with gaps between rows and between batch items. */
    @ParameterizedTest
    @CsvSource({"1, 4, 4, 2, 2, 3, 0, 0", "2, 3, 5, 4, 2, 2, 3, 40", "1, 1, 6, 3, 1, 4, 1, 0", "2, 5, 5, 6, 3, 2, 0, 0"})
    void attention(long batch, long t, long s, long heads, long kvHeads, long headDim, long gap, long batchStride) {
        long ldq = heads * headDim + gap;
        long ldkv = kvHeads * headDim + gap;
        Attention shape = new Attention(batch, t, s, heads, kvHeads, headDim, 0.5f, ldq, ldkv, batchStride);
        long keyValues = batch * (batchStride == 0 ? s * ldkv : batchStride);
        MemorySegment q = inputs(batch * t * ldq, 6);
        MemorySegment k = inputs(keyValues, 7);
        MemorySegment v = inputs(keyValues, 8);
        MemorySegment out = OffHeap.floats(batch * t * heads * headDim);
        MemorySegment lse = OffHeap.floats(batch * heads * t);
        MemorySegment dq = OffHeap.floats(batch * t * ldq);
        MemorySegment dk = OffHeap.floats(keyValues);
        MemorySegment dv = OffHeap.floats(keyValues);
        GradientCheck check = new GradientCheck((int) out.byteSize() / 4, 9);
        backend.attentionForward(shape, q, k, v, out, lse);
        backend.attentionBackward(shape, q, k, v, out, lse, check.outputGradient(), dq, dk, dv);
        check.check(q, dq, () -> attention(shape, q, k, v));
        check.check(k, dk, () -> attention(shape, q, k, v));
        check.check(v, dv, () -> attention(shape, q, k, v));
    }

    private MemorySegment attention(Attention shape, MemorySegment q, MemorySegment k, MemorySegment v) {
        MemorySegment out = OffHeap.floats(shape.batch() * shape.queries() * shape.heads() * shape.headDim());
        backend.attentionForward(shape, q, k, v, out, null);
        return out;
    }

    @ParameterizedTest
    @EnumSource
    void glu(Glu kind) {
        MemorySegment gate = GradientCheck.inputs(12, 0.1, 10); // away from the kink of relu^2
        MemorySegment up = inputs(12, 11);
        MemorySegment dgate = OffHeap.floats(12);
        MemorySegment dup = OffHeap.floats(12);
        GradientCheck check = new GradientCheck(12, 12);
        backend.gluBackward(kind, gate, up, check.outputGradient(), 3, 4, dgate, dup);
        check.check(gate, dgate, () -> glu(kind, gate, up));
        check.check(up, dup, () -> glu(kind, gate, up));
    }

    private MemorySegment glu(Glu kind, MemorySegment gate, MemorySegment up) {
        MemorySegment y = OffHeap.floats(12);
        backend.gluForward(kind, gate, up, 3, 4, y);
        return y;
    }

    @Test
    void relu() {
        MemorySegment x = GradientCheck.inputs(20, 0.1, 13);
        MemorySegment dx = OffHeap.floats(20);
        GradientCheck check = new GradientCheck(20, 14);
        backend.reluBackward(x, check.outputGradient(), 20, dx);
        check.check(x, dx, () -> {
            MemorySegment y = OffHeap.floats(20);
            backend.reluForward(x, 20, y);
            return y;
        });
    }

    @Test
    void bias() {
        MemorySegment bias = inputs(4, 15);
        MemorySegment base = inputs(12, 16);
        MemorySegment dbias = OffHeap.floats(4);
        GradientCheck check = new GradientCheck(12, 17);
        backend.biasBackward(check.outputGradient(), 3, 4, dbias);
        check.check(bias, dbias, () -> {
            MemorySegment y = OffHeap.of(OffHeap.toFloats(base));
            backend.biasForward(bias, 3, 4, y);
            return y;
        });
    }

    @Test
    void embeddingWithARepeatedToken() {
        MemorySegment ids = OffHeap.of(2, 0, 2, 4);
        MemorySegment table = inputs(5 * 3, 18);
        MemorySegment dtable = OffHeap.floats(15);
        GradientCheck check = new GradientCheck(12, 19);
        backend.embeddingBackward(ids, 4, check.outputGradient(), 5, 3, dtable);
        check.check(table, dtable, () -> {
            MemorySegment y = OffHeap.floats(12);
            backend.embeddingForward(ids, 4, table, 5, 3, y);
            return y;
        });
    }

    @Test
    void crossEntropyWithAnIgnoredRow() {
        MemorySegment targets = OffHeap.of(3, -1, 0);
        MemorySegment logits = inputs(3 * 6, 20);
        MemorySegment dlogits = OffHeap.floats(18);
        backend.crossEntropy(logits, targets, 3, 6, OffHeap.floats(3), dlogits, 1);
        GradientCheck check = new GradientCheck(3, 21);
        MemorySegment weighted = OffHeap.of(OffHeap.toFloats(dlogits));
        for (int i = 0; i < 18; i++) {
            Segments.f32(weighted, i, Segments.f32(weighted, i) * Segments.f32(check.outputGradient(), i / 6));
        }
        check.check(logits, weighted, () -> {
            MemorySegment loss = OffHeap.floats(3);
            backend.crossEntropy(logits, targets, 3, 6, loss, null, 1);
            return loss;
        });
    }

    @Test
    void matrixProduct() {
        MemorySegment a = inputs(2 * 3, 22);
        MemorySegment b = inputs(3 * 4, 23);
        MemorySegment da = OffHeap.floats(6);
        MemorySegment db = OffHeap.floats(12);
        GradientCheck check = new GradientCheck(8, 24);
        backend.gemmF32(false, true, 2, 3, 4, 1, check.outputGradient(), 4, b, 4, 0, da, 3);
        backend.gemmF32(true, false, 3, 4, 2, 1, a, 3, check.outputGradient(), 4, 0, db, 4);
        check.check(a, da, () -> product(a, b));
        check.check(b, db, () -> product(a, b));
    }

    private MemorySegment product(MemorySegment a, MemorySegment b) {
        MemorySegment c = OffHeap.floats(8);
        backend.gemmF32(false, false, 2, 4, 3, 1, a, 3, b, 4, 0, c, 4);
        return c;
    }
}
