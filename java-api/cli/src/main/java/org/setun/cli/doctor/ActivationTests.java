package org.setun.cli.doctor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.setun.kernels.ActivationOps;
import org.setun.kernels.NnOps;
import org.setun.kernels.TernaryOps;

import static org.setun.cli.doctor.Operands.byteValues;
import static org.setun.cli.doctor.Operands.join;
import static org.setun.cli.doctor.Operands.values;
import static org.setun.cli.doctor.SelfTests.K;
import static org.setun.cli.doctor.SelfTests.N;

/** Self-tests of the activations between two products: rounding to int8, alone and fused ({@link ActivationOps}). */
final class ActivationTests {

    private static final long COUNT = (long) N * K;

    private ActivationTests() {
    }

    static List<SelfTest> all() {
        List<SelfTest> tests = new ArrayList<>();
        tests.add(SelfTest.exact("activation quantize (int8 rows)", (b, o) -> {
            Codes codes = new Codes(o);
            b.quantizeRows(o.gaussian(COUNT), N, K, K, codes.q, codes.step, codes.sum);
            return codes.values();
        }));
        tests.add(SelfTest.exact("activation dequantize", (b, o) -> {
            Codes codes = new Codes(o);
            MemorySegment y = o.floats(COUNT);
            b.quantizeRows(o.gaussian(COUNT), N, K, K, codes.q, codes.step, codes.sum);
            b.dequantizeRows(codes.q, codes.step, N, K, y);
            return values(y);
        }));
        tests.add(SelfTest.exact("residual + RMSNorm + quantize", (b, o) -> {
            Codes codes = new Codes(o);
            MemorySegment h = o.floats(COUNT);
            MemorySegment y = o.floats(COUNT);
            MemorySegment rstd = o.floats(N);
            b.rmsNormQuantize(o.gaussian(COUNT), o.gaussian(COUNT), o.gaussian(K), N, K, 1e-5f, h, y, rstd, codes.q, codes.step, codes.sum);
            return join(codes.values(), values(h, y, rstd));
        }));
        for (NnOps.Glu kind : NnOps.Glu.values()) {
            String name = "GLU " + kind.name().toLowerCase(Locale.ROOT);
            tests.add(SelfTest.exact(name + " + quantize", (b, o) -> glu(b, o, kind, false)));
            tests.add(SelfTest.exact(name + " + RMSNorm + quantize", (b, o) -> glu(b, o, kind, true)));
        }
        return tests;
    }

    private static float[] glu(ActivationOps b, Operands o, NnOps.Glu kind, boolean norm) {
        Codes codes = new Codes(o);
        MemorySegment y = o.floats(COUNT);
        b.gluQuantize(kind, o.gaussian(COUNT), o.gaussian(COUNT), norm ? o.gaussian(K) : null, 1e-5f, N, K, y, codes.q, codes.step,
                codes.sum);
        return join(codes.values(), values(y));
    }

    /** Where rounded rows go. */
    private record Codes(MemorySegment q, MemorySegment step, MemorySegment sum) {

        Codes(Operands o) {
            this(o.bytes(N * TernaryOps.paddedK(K)), o.floats(N), o.ints(N));
        }

        float[] values() {
            return join(byteValues(q), Operands.values(step), Operands.intValues(sum));
        }
    }
}
