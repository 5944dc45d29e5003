package org.setun.cli.doctor;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.setun.kernels.OptimOps;

import static org.setun.cli.doctor.Operands.values;
import static org.setun.cli.doctor.SelfTests.K;

/** Self-tests of {@link OptimOps}. */
final class OptimizerTests {

    private OptimizerTests() {
    }

    static List<SelfTest> all() {
        return List.of(SelfTest.exact("sums", (b, o) -> {
            MemorySegment x = o.gaussian(10_001);
            MemorySegment sum = o.doubles(1);
            MemorySegment squares = o.doubles(1);
            b.sum(x, 10_001, sum);
            b.sumSquares(x, 10_001, squares);
            MemorySegment factor = o.floats(2);
            b.clipFactor(squares, 1, 1, factor);
            return values(sum, squares, factor);
        }), SelfTest.exact("AdamW", (b, o) -> {
            MemorySegment w = o.gaussian(K);
            MemorySegment m = o.floats(K);
            MemorySegment v = o.floats(K);
            b.adamW(new OptimOps.AdamW(1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.1f, 0.05f), K, w, o.gaussian(K), m, v, null);
            return values(w, m, v);
        }));
    }
}
