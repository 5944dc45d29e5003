package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Bound;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.Backend;
import org.setun.kernels.NnOps.Rope;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.testsupport.OffHeap;

/** Cases of {@code setun/nn.h} that treat whole rows, but for attention. */
final class NnCases {

    private static final Backend REFERENCE = new ReferenceBackend();
    private static final float EPS = 1e-5f;

    private NnCases() {
    }

    static Stream<Op> ops() {
        return Stream.of(new Op("embedding_forward", e(20, 3, 5), e(300, 50, 1000), NnCases::embeddingForward),
                new Op("embedding_backward", e(20, 3, 5), e(300, 50, 1000), NnCases::embeddingBackward),
                new Op("rmsnorm_forward", e(3, 20), e(300, 9000), NnCases::rmsNormForward),
                new Op("rmsnorm_backward", e(3, 20, 1), e(300, 4097, 3), NnCases::rmsNormBackward),
                new Op("rope", e(3, 2, 5, 1), e(257, 9, 64, 7), NnCases::rope),
                new Op("cross_entropy", e(3, 20, 1), e(129, 4097, 3), NnCases::crossEntropy),
                new Op("distill", e(3, 20, 1), e(129, 4097, 6), DistillCases::distill));
    }

    private static int[] e(int... extents) {
        return extents;
    }

    private static Case embeddingForward(int[] e, Filler filler) {
        long n = e[0];
        int vocab = e[1] + 1;
        long d = e[2];
        return new Case("embedding_forward").scalar("n", n).scalar("vocab", (long) vocab).scalar("d", d)
                .in("ids", Type.I32, filler.ints(n, 0, vocab)).in("table", Type.F32, filler.floats(vocab * d)).out("y", Type.F32, n * d)
                .call((b, s) -> b.embeddingForward(s.get("ids"), n, s.get("table"), vocab, d, s.get("y")));
    }

    private static Case embeddingBackward(int[] e, Filler filler) {
        long n = e[0];
        int vocab = e[1] + 1;
        long d = e[2];
        return new Case("embedding_backward").scalar("n", n).scalar("vocab", (long) vocab).scalar("d", d)
                .in("ids", Type.I32, filler.ints(n, 0, vocab)).in("dy", Type.F32, filler.floats(n * d))
                .inout("dtable", Type.F32, filler.floats(vocab * d))
                .call((b, s) -> b.embeddingBackward(s.get("ids"), n, s.get("dy"), vocab, d, s.get("dtable")));
    }

    private static Case rmsNormForward(int[] e, Filler filler) {
        long n = e[0];
        long d = e[1] + 1;
        return new Case("rmsnorm_forward").scalar("n", n).scalar("d", d).scalar("eps", EPS).in("x", Type.F32, filler.floats(n * d))
                .in("w", Type.F32, filler.floats(d)).out("y", Type.F32, n * d).out("rstd", Type.F32, n)
                .call((b, s) -> b.rmsNormForward(s.get("x"), s.get("w"), n, d, EPS, s.get("y"), s.get("rstd")));
    }

    /** The last extent: bit 0 accumulates into dx, bit 1 leaves dw out. */
    private static Case rmsNormBackward(int[] e, Filler filler) {
        long n = e[0];
        int d = e[1] + 1;
        boolean accumulate = (e[2] & 1) != 0;
        MemorySegment x = filler.floats(n * d);
        MemorySegment w = filler.floats(d);
        MemorySegment dy = filler.floats(n * d);
        MemorySegment dx = filler.floats(n * d);
        MemorySegment dw = filler.floats(d);
        MemorySegment rstd = OffHeap.floats(n);
        REFERENCE.rmsNormForward(x, w, n, d, EPS, OffHeap.floats(n * d), rstd);
        float[] xs = OffHeap.toFloats(x);
        float[] ws = OffHeap.toFloats(w);
        float[] dys = OffHeap.toFloats(dy);
        float[] rs = OffHeap.toFloats(rstd);
        float[] before = OffHeap.toFloats(dx);
        float[] weightBefore = OffHeap.toFloats(dw);
        double[] dots = new double[(int) n];
        for (int i = 0; i < n * d; i++) {
            dots[i / d] += Math.abs((double) xs[i] * ws[i % d] * dys[i]);
        }
        Bound dxBound = (i, expected) -> {
            double r = rs[i / d];
            double magnitude = r * Math.abs((double) ws[i % d] * dys[i]) + Math.abs(xs[i]) * r * r * r * dots[i / d] / d;
            return Bounds.sum(d + 10, magnitude + (accumulate ? Math.abs(before[i]) : 0));
        };
        Bound dwBound = (j, expected) -> {
            double magnitude = Math.abs(weightBefore[j]);
            for (int row = 0; row < n; row++) {
                magnitude += Math.abs((double) dys[row * d + j] * xs[row * d + j] * rs[row]);
            }
            return Bounds.sum(n + 4, magnitude);
        };
        Case made = new Case("rmsnorm_backward").scalar("n", n).scalar("d", (long) d).scalar("accumulate", accumulate ? 1L : 0L)
                .in("x", Type.F32, x).in("w", Type.F32, w).in("rstd", Type.F32, rstd).in("dy", Type.F32, dy).inout("dx", dx, dxBound);
        if ((e[2] & 2) == 0) {
            made.inout("dw", dw, dwBound);
        }
        return made.call((b, s) -> b.rmsNormBackward(s.get("x"), s.get("w"), s.get("rstd"), s.get("dy"), n, d, s.get("dx"), accumulate,
                s.get("dw")));
    }

    /** The last extent: bit 0 gaps between rows and the other base, bit 1 the convention, bit 2 the inverse. */
    private static Case rope(int[] e, Filler filler) {
        long n = e[0];
        long heads = e[1];
        int headDim = 2 * (e[2] + 1);
        long ldx = heads * headDim + (e[3] & 1);
        Rope convention = (e[3] & 2) == 0 ? Rope.INTERLEAVED : Rope.HALVES;
        boolean inverse = (e[3] & 4) != 0;
        float theta = (e[3] & 1) == 0 ? 10_000 : 500_000;
        MemorySegment x = filler.floats(n * ldx);
        float[] before = OffHeap.toFloats(x);
        Bound bound = (index, expected) -> {
            int column = (int) (index % ldx);
            if (column >= heads * headDim) {
                return 0;
            }
            int inHead = column % headDim;
            int partner = convention == Rope.INTERLEAVED ? inHead ^ 1 : (inHead + headDim / 2) % headDim;
            return Bounds.sum(Bounds.FUNCTION, Math.abs((double) before[index]) + Math.abs((double) before[index - inHead + partner]));
        };
        return new Case("rope").scalar("n", n).scalar("heads", heads).scalar("head_dim", (long) headDim).scalar("ldx", ldx)
                .scalar("theta", theta).scalar("convention", (long) convention.ordinal()).scalar("inverse", inverse ? 1L : 0L)
                .inout("x", x, bound).in("positions", Type.I32, filler.ints(n, 0, 4096))
                .call((b, s) -> b.rope(s.get("x"), n, heads, headDim, ldx, s.get("positions"), theta, convention, inverse));
    }

    /** The last extent: 0 no gradient, 1 gradient, 2 gradient with large logits, 3 gradient into the logits; even rows of vocab: smoothed. */
    private static Case crossEntropy(int[] e, Filler filler) {
        long n = e[0];
        int vocab = e[1] + 1;
        int variant = e[2];
        float gradScale = 0.125f;
        float smoothing = vocab % 2 == 0 ? 0.1f : 0;
        float[] x = OffHeap.toFloats(filler.floats(n * vocab));
        for (int i = 0; i < x.length && variant == 2; i++) {
            x[i] *= 100;
        }
        MemorySegment logits = OffHeap.of(x);
        MemorySegment targets = filler.ints(n, -1, vocab);
        int[] target = OffHeap.toInts(targets);
        MemorySegment losses = OffHeap.floats(n);
        REFERENCE.crossEntropy(logits, targets, n, vocab, losses, null, 1); // of the targets alone
        float[] loss = OffHeap.toFloats(losses);
        Bound lossBound = (i, expected) -> {
            double top = target[i] < 0 ? 0 : Math.abs(x[i * vocab + target[i]]);
            double spread = smoothing * 2 * Bounds.absolute(x, (long) i * vocab, vocab);
            return target[i] < 0
                    ? 0
                    : Bounds.sum(4, 2 * top + Math.abs(expected)) + Bounds.sum(vocab + Bounds.FUNCTION, 1 + spread / vocab)
                            + Bounds.sum(8, smoothing * highest(x, i * vocab, vocab));
        };
        Bound gradient = (index, expected) -> {
            int row = index / vocab;
            if (target[row] < 0) {
                return 0;
            }
            double lse = loss[row] + (double) x[row * vocab + target[row]];
            double roundings = vocab + Bounds.FUNCTION + 2 * Math.abs(x[index] - lse) + 2 * Math.abs(lse);
            double onehot = index % vocab == target[row] ? 1 : 0;
            return gradScale * (Bounds.sum(roundings, Math.exp(x[index] - lse)) + Bounds.sum(2, onehot + smoothing / vocab));
        };
        boolean inPlace = variant == 3;
        Case made = new Case("cross_entropy").scalar("n", n).scalar("vocab", (long) vocab).scalar("grad_scale", gradScale)
                .scalar("label_smoothing", smoothing);
        if (inPlace) {
            made.scalar("dlogits_is_logits", 1L).inout("logits", logits, gradient);
        } else {
            made.in("logits", Type.F32, logits);
        }
        made.in("targets", Type.I32, targets).out("loss", n, lossBound);
        if (variant == 1 || variant == 2) {
            made.out("dlogits", n * vocab, gradient);
        }
        return made.call((b, s) -> b.crossEntropy(s.get("logits"), s.get("targets"), n, vocab, s.get("loss"),
                inPlace ? s.get("logits") : s.get("dlogits"), gradScale, smoothing));
    }

    private static double highest(float[] values, int first, int count) {
        double high = 0;
        for (int i = first; i < first + count; i++) {
            high = Math.max(high, Math.abs(values[i]));
        }
        return high;
    }
}
