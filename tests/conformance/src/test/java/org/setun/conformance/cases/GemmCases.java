package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Bound;
import org.setun.conformance.cases.Operand.Type;
import org.setun.testsupport.OffHeap;

/** Cases of {@code setun/gemm.h}. */
final class GemmCases {

    private GemmCases() {
    }

    /** The last extent chooses the transpositions (bits 0, 1), gaps between rows (2), and alpha and beta (3). */
    static Stream<Op> ops() {
        return Stream.of(new Op("gemm_f32", new int[]{5, 17, 20, 0}, new int[]{300, 300, 1000, 15}, GemmCases::gemm));
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
}
