package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.NnOps.Glu;
import org.setun.kernels.TernaryOps;

/** Cases of {@code setun/activation.h}, which promises bits. */
final class ActivationCases {

    private static final float EPS = 1e-5f;

    private ActivationCases() {
    }

    static Stream<Op> ops() {
        return Stream.of(new Op("rmsnorm_quantize", new int[]{3, 20, 0}, new int[]{129, 9000, 15}, ActivationCases::rmsNormQuantize),
                new Op("glu_quantize", new int[]{3, 20, 2}, new int[]{129, 9000, 15}, ActivationCases::gluQuantize));
    }

    /** The last extent: bits 0 and 1 choose no residual, one without h, h apart, h on x; bit 2 asks for y, bit 3 for rstd. */
    private static Case rmsNormQuantize(int[] e, Filler filler) {
        long n = e[0];
        long d = e[1] + 1;
        int sum = e[2] & 3;
        boolean ontoX = sum == 3;
        MemorySegment x = filler.floats(n * d);
        Case made = new Case("rmsnorm_quantize").scalar("n", n).scalar("d", d).scalar("eps", EPS);
        if (ontoX) {
            made.scalar("h_is_x", 1L).inout("x", Type.F32, x);
        } else {
            made.in("x", Type.F32, x);
        }
        if (sum != 0) {
            made.in("residual", Type.F32, filler.floats(n * d));
        }
        made.in("w", Type.F32, filler.floats(d));
        if (sum == 2) {
            made.out("h", Type.F32, n * d);
        }
        if ((e[2] & 4) != 0) {
            made.out("y", Type.F32, n * d);
        }
        if ((e[2] & 8) != 0) {
            made.out("rstd", Type.F32, n);
        }
        return codes(made, n, d).call((b, s) -> b.rmsNormQuantize(s.get("x"), s.get("residual"), s.get("w"), n, d, EPS,
                ontoX ? s.get("x") : s.get("h"), s.get("y"), s.get("rstd"), s.get("q"), s.get("step"), s.get("sum")));
    }

    /** The last extent: bit 0 chooses the activation, bit 1 the sub-norm, bits 2 and 3 no y, y apart, y on gate. */
    private static Case gluQuantize(int[] e, Filler filler) {
        long n = e[0];
        Glu kind = Glu.values()[e[2] & 1];
        boolean norm = (e[2] & 2) != 0;
        long d = norm ? e[1] + 1 : e[1];
        boolean ontoGate = e[2] >> 2 == 2;
        Case made = new Case("glu_quantize").scalar("n", n).scalar("d", d).scalar("kind", (long) kind.ordinal()).scalar("eps", EPS);
        MemorySegment gate = filler.floats(n * d);
        if (ontoGate) {
            made.scalar("y_is_gate", 1L).inout("gate", Type.F32, gate);
        } else {
            made.in("gate", Type.F32, gate);
        }
        made.in("up", Type.F32, filler.floats(n * d));
        if (norm) {
            made.in("w", Type.F32, filler.floats(d));
        }
        if (e[2] >> 2 == 1) {
            made.out("y", Type.F32, n * d);
        }
        return codes(made, n, d).call((b, s) -> b.gluQuantize(kind, s.get("gate"), s.get("up"), s.get("w"), EPS, n, d,
                ontoGate ? s.get("gate") : s.get("y"), s.get("q"), s.get("step"), s.get("sum")));
    }

    private static Case codes(Case made, long n, long d) {
        return made.out("q", Type.I8, n * TernaryOps.paddedK(d)).out("step", Type.F32, n).out("sum", Type.I32, n);
    }
}
