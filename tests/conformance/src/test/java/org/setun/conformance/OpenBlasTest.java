package org.setun.conformance;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.setun.conformance.cases.Case;
import org.setun.conformance.cases.Filler.Values;
import org.setun.conformance.cases.Op;
import org.setun.conformance.cases.Ops;
import org.setun.kernels.Backend;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.NativeBackend;
import org.setun.openblas.OpenBlas;

import static org.assertj.core.api.Assertions.assertThat;

/** The fp32 product keeps its bound, and its bits at any thread count, when OpenBLAS computes the tiles. */
class OpenBlasTest {

    private static final Op GEMM = Ops.all().filter(op -> op.name().equals("gemm_f32")).findFirst().orElseThrow();

    private static Backend open(int threads) {
        return NativeBackend.create(new BackendOptions(threads, null, new OpenBlas()));
    }

    @Test
    void agreesWithTheReference() {
        try (Backend backend = open(1)) {
            for (int[] extents : GEMM.grid()) {
                Case made = GEMM.make(extents, Values.NORMAL, 3);
                Conformity.check(backend, made, Conformity.expected(made), Placement.LAST);
            }
        }
    }

    @Test
    void everyThreadCountGivesTheSameBits() {
        SplittableRandom random = new SplittableRandom(4);
        try (Backend alone = open(1); Backend three = open(3)) {
            for (int i = 0; i < 10; i++) {
                Case made = GEMM.make(i == 0 ? GEMM.most() : GEMM.draw(random), Values.NORMAL, i);
                Map<String, MemorySegment> expected = made.run(alone);
                assertThat(made.run(three).get("c").mismatch(expected.get("c"))).as("%s", made).isEqualTo(-1);
            }
        }
    }
}
