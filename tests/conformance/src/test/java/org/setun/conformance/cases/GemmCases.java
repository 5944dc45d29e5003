package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Bound;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.GemmOps.Element;
import org.setun.testsupport.OffHeap;

/** Cases of {@code setun/gemm.h}. */
final class GemmCases {

    private GemmCases() {
    }

    /**
     * The fourth extent chooses the transpositions (bits 0, 1), gaps between rows (2), and alpha and beta (3); the fifth the elements of
     * both operands, a step and a bias.
     */
    static Stream<Op> ops() {
        return Stream.of(new Op("gemm_f32", new int[]{5, 17, 20, 0}, new int[]{300, 300, 1000, 15}, GemmCases::gemm),
                new Op("gemm_bf16", new int[]{5, 17, 20, 0, 0}, new int[]{150, 150, 1200, 15, 35}, GemmCases::gemmBf16));
    }

    private static Case gemm(int[] e, Filler filler) {
        int m = e[0];
        int n = e[1];
        int k = e[2];
        boolean transA = (e[3] & 1) != 0;
        boolean transB = (e[3] & 2) != 0;
        int gap = (e[3] & 4) != 0 ? 3 : 0;
        float beta = (e[3] & 8) != 0 ? 0.5f : 0;
        float alpha = (e[3] & 8) != 0 ? -1.25f : 1;
        int lda = (transA ? m : k) + gap;
        int ldb = (transB ? k : n) + gap;
        int ldc = n + gap;
        MemorySegment a = filler.floats((long) (transA ? k : m) * lda);
        MemorySegment b = filler.floats((long) (transB ? n : k) * ldb);
        MemorySegment c = filler.floats((long) m * ldc);
        float[] left = OffHeap.toFloats(a);
        float[] right = OffHeap.toFloats(b);
        float[] before = OffHeap.toFloats(c);
        Bound bound = (index, expected) -> {
            int i = index / ldc;
            int j = index % ldc;
            if (j >= n) {
                return 0;
            }
            double magnitude = 0;
            for (int p = 0; p < k; p++) {
                magnitude += Math.abs((double) left[transA ? p * lda + i : i * lda + p] * right[transB ? j * ldb + p : p * ldb + j]);
            }
            return Bounds.sum(k + 3, Math.abs(alpha) * magnitude + (beta == 0 ? 0 : Math.abs(beta * before[index])));
        };
        return new Case("gemm_f32").scalar("trans_a", transA ? 1L : 0L).scalar("trans_b", transB ? 1L : 0L).scalar("m", (long) m)
                .scalar("n", (long) n).scalar("k", (long) k).scalar("alpha", alpha).scalar("beta", beta).scalar("lda", (long) lda)
                .scalar("ldb", (long) ldb).scalar("ldc", (long) ldc).in("a", Type.F32, a).in("b", Type.F32, b).inout("c", c, bound)
                .call((backend, s) -> backend.gemmF32(transA, transB, m, n, k, alpha, s.get("a"), lda, s.get("b"), ldb, beta, s.get("c"),
                        ldc));
    }

    private static Case gemmBf16(int[] e, Filler filler) {
        int m = e[0];
        int n = e[1];
        int k = e[2];
        int gap = (e[3] & 4) != 0 ? 3 : 0;
        float beta = (e[3] & 8) != 0 ? 0.5f : 0;
        float alpha = (e[3] & 8) != 0 ? -1.25f : 1;
        boolean transA = (e[3] & 1) != 0;
        boolean transB = (e[3] & 2) != 0;
        Stored a = Stored.of(Element.values()[e[4] % 3], transA, transA ? k : m, transA ? m : k, gap, filler);
        Stored b = Stored.of(Element.values()[e[4] / 3 % 3], transB, transB ? n : k, transB ? k : n, gap, filler);
        boolean stepInB = a.element == Element.I8;
        MemorySegment step = e[4] / 9 % 2 == 1 && !(stepInB && b.element == Element.I8) ? filler.floats(k) : null;
        MemorySegment bias = e[4] / 18 == 1 ? filler.floats(n) : null;
        int ldc = n + gap;
        MemorySegment c = filler.floats((long) m * ldc);
        float[] before = OffHeap.toFloats(c);
        float[] added = OffHeap.toFloats(bias == null ? OffHeap.floats(n) : bias);
        float[] steps = step == null ? null : OffHeap.toFloats(step);
        Bound bound = (index, expected) -> {
            int i = index / ldc;
            int j = index % ldc;
            if (j >= n) {
                return 0;
            }
            double magnitude = 0;
            double flushed = 0;
            for (int p = 0; p < k; p++) {
                double left = Math.abs(a.rounded(transA ? p : i, transA ? i : p, stepInB || steps == null ? 1 : steps[p]));
                double right = Math.abs(b.rounded(transB ? j : p, transB ? p : j, stepInB && steps != null ? steps[p] : 1));
                magnitude += left * right;
                flushed += 2 + left + right;
            }
            return Bounds.sum(k + 4, Math.abs(alpha) * magnitude + (beta == 0 ? 0 : Math.abs(beta * before[index])) + Math.abs(added[j]))
                    + Math.abs(alpha) * Bounds.FLUSHED * flushed;
        };
        Case made = new Case("gemm_bf16").scalar("trans_a", transA ? 1L : 0L).scalar("trans_b", transB ? 1L : 0L)
                .scalar("type_a", (long) a.element.ordinal()).scalar("type_b", (long) b.element.ordinal()).scalar("m", (long) m)
                .scalar("n", (long) n).scalar("k", (long) k).scalar("alpha", alpha).scalar("beta", beta).scalar("lda", (long) a.ld)
                .scalar("ldb", (long) b.ld).scalar("ldc", (long) ldc).in("a", a.type(), a.values).in("b", b.type(), b.values);
        if (step != null) {
            made.in("step", Type.F32, step);
        }
        if (bias != null) {
            made.in("bias", Type.F32, bias);
        }
        return made.inout("c", c, bound).call((backend, s) -> backend.gemmBf16(m, n, k, alpha, a.at(s.get("a")), b.at(s.get("b")),
                s.get("step"), beta, s.get("bias"), s.get("c"), ldc));
    }
}
