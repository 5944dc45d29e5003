package org.setun.cli.doctor;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.setun.kernels.GemmOps;
import org.setun.kernels.TernaryOps;

import static org.setun.cli.doctor.Operands.values;
import static org.setun.cli.doctor.SelfTests.K;
import static org.setun.cli.doctor.SelfTests.M;
import static org.setun.cli.doctor.SelfTests.N;

/** Self-tests of {@link GemmOps}. */
final class GemmTests {

    private GemmTests() {
    }

    static List<SelfTest> all() {
        return List.of(SelfTest.close("fp32 GEMM", (b, o) -> {
            MemorySegment c = o.floats((long) N * M);
            b.gemmF32(false, true, N, M, K, 1, o.gaussian((long) N * K), K, o.gaussian((long) M * K), K, 0, c, M);
            return values(c);
        }), SelfTest.close("bf16 GEMM", (b, o) -> {
            MemorySegment c = o.gaussian((long) N * M);
            GemmOps.Operand rows = GemmOps.Operand.f32(o.gaussian((long) N * K), K);
            GemmOps.Operand weights = GemmOps.Operand.f32(o.gaussian((long) M * K), K).transpose();
            b.gemmBf16(N, M, K, 0.5f, rows, weights, null, 0.25f, o.gaussian(M), c, M);
            return values(c);
        }), SelfTest.close("bf16 GEMM of int8 codes", (b, o) -> { // the gradient of weights, from rounded activations
            long ld = TernaryOps.paddedK(K);
            MemorySegment q = o.bytes(M * ld);
            MemorySegment step = o.floats(M);
            MemorySegment dw = o.floats((long) N * K);
            b.quantizeRows(o.gaussian((long) M * K), M, K, K, q, step, o.ints(M));
            GemmOps.Operand dy = GemmOps.Operand.f32(o.gaussian((long) M * N), N).transpose();
            b.gemmBf16(N, K, M, 1, dy, GemmOps.Operand.i8(q, ld), step, 0, null, dw, K);
            return values(dw);
        }));
    }
}
