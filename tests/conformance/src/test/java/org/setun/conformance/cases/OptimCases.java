package org.setun.conformance.cases;

import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.OptimOps.AdamW;
import org.setun.testsupport.OffHeap;

/** Cases of {@code setun/optim.h}: all of them promise bits. */
final class OptimCases {

    private static final AdamW STEP = new AdamW(3e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.271f, 0.142625f);

    private OptimCases() {
    }

    static Stream<Op> ops() {
        return Stream.of(new Op("sum", new int[]{20}, new int[]{70_000}, OptimCases::sum),
                new Op("sum_squares", new int[]{20}, new int[]{70_000}, OptimCases::sumSquares),
                new Op("clip_factor", new int[]{3, 1}, new int[]{100, 3}, OptimCases::clipFactor),
                new Op("adamw", new int[]{20, 1}, new int[]{20_000, 3}, OptimCases::adamW));
    }

    private static Case sum(int[] e, Filler filler) {
        return new Case("sum").scalar("count", (long) e[0]).in("x", Type.F32, filler.floats(e[0])).out("out", Type.F64, 1)
                .call((b, s) -> b.sum(s.get("x"), e[0], s.get("out")));
    }

    private static Case sumSquares(int[] e, Filler filler) {
        return new Case("sum_squares").scalar("count", (long) e[0]).in("x", Type.F32, filler.floats(e[0])).out("out", Type.F64, 1)
                .call((b, s) -> b.sumSquares(s.get("x"), e[0], s.get("out")));
    }

    private static Case clipFactor(int[] e, Filler filler) {
        float[] values = OffHeap.toFloats(filler.floats(e[0]));
        double[] sums = new double[e[0]];
        for (int i = 0; i < sums.length; i++) {
            sums[i] = Math.abs((double) values[i]) * 1.1;
        }
        float maxNorm = new float[]{0, 1, 1000, 1e-3f}[e[1]];
        return new Case("clip_factor").scalar("count", (long) e[0]).scalar("max_norm", maxNorm).in("sums", Type.F64, OffHeap.of(sums))
                .out("out", Type.F32, 2).call((b, s) -> b.clipFactor(s.get("sums"), e[0], maxNorm, s.get("out")));
    }

    /** The second extent: no factor, factor 1, factor 0.3, factor 0. */
    private static Case adamW(int[] e, Filler filler) {
        Case made = new Case("adamw").scalar("count", (long) e[0]).scalar("lr", STEP.lr()).scalar("beta1", STEP.beta1())
                .scalar("beta2", STEP.beta2()).scalar("eps", STEP.eps()).scalar("weight_decay", STEP.weightDecay())
                .scalar("bias1", STEP.bias1()).scalar("bias2", STEP.bias2()).inout("w", Type.F32, filler.floats(e[0]))
                .in("g", Type.F32, filler.floats(e[0])).inout("m", Type.F32, filler.plain(e[0]))
                .inout("v", Type.F32, filler.positive(e[0]));
        if (e[1] > 0) {
            made.in("grad_factor", Type.F32, OffHeap.of(new float[]{1, 0.3f, 0}[e[1] - 1]));
        }
        return made.call((b, s) -> b.adamW(STEP, e[0], s.get("w"), s.get("g"), s.get("m"), s.get("v"), s.get("grad_factor")));
    }
}
