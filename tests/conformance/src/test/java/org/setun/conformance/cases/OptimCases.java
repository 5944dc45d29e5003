package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.OptimOps;
import org.setun.kernels.OptimOps.Adafactor;
import org.setun.kernels.OptimOps.AdamW;
import org.setun.kernels.OptimOps.CodeTracking;
import org.setun.kernels.OptimOps.Lion;
import org.setun.kernels.OptimOps.Sgd;
import org.setun.kernels.OptimOps.WeightLimit;
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
                new Op("adamw", new int[]{20, 1}, new int[]{20_000, 3}, (e, filler) -> adamW(e, 0, filler)),
                new Op("adam", new int[]{20, 1}, new int[]{20_000, 3}, (e, filler) -> adamW(e, 1, filler)),
                new Op("adam_direction", new int[]{20, 1}, new int[]{20_000, 3}, (e, filler) -> adamW(e, 2, filler)),
                new Op("sgd", new int[]{20, 1, 0}, new int[]{20_000, 3, 2}, OptimCases::sgd),
                new Op("lion", new int[]{20, 1}, new int[]{20_000, 3}, OptimCases::lion),
                new Op("adamw8", new int[]{20, 1}, new int[]{20_000, 3}, OptimCases::adamW8),
                new Op("adafactor", new int[]{3, 20, 1}, new int[]{200, 9000, 3}, OptimCases::adafactor),
                new Op("track_codes", new int[]{20, 1}, new int[]{40_000, 2}, OptimCases::trackCodes),
                new Op("constrain_weights", new int[]{3, 20, 1}, new int[]{40, 1000, 1}, OptimCases::constrainWeights));
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

    /** The second extent: no factor, factor 1, factor 0.3, factor 0. Kind: AdamW, Adam, the direction alone. */
    private static Case adamW(int[] e, int kind, Filler filler) {
        Case made = new Case("adamw").scalar("count", (long) e[0]).scalar("lr", STEP.lr()).scalar("beta1", STEP.beta1())
                .scalar("beta2", STEP.beta2()).scalar("eps", STEP.eps()).scalar("weight_decay", STEP.weightDecay())
                .scalar("bias1", STEP.bias1()).scalar("bias2", STEP.bias2()).scalar("coupled", kind == 1 ? 1 : 0)
                .inout("w", Type.F32, filler.floats(e[0])).in("g", Type.F32, filler.floats(e[0])).inout("m", Type.F32, filler.plain(e[0]))
                .inout("v", Type.F32, filler.positive(e[0]));
        factor(made, e[1]);
        if (kind == 2) {
            return made.out("direction", Type.F32, e[0]).call((b, s) -> b.adamDirection(STEP, e[0], s.get("w"), s.get("g"), s.get("m"),
                    s.get("v"), s.get("grad_factor"), s.get("direction")));
        }
        return kind == 1
                ? made.call((b, s) -> b.adam(STEP, e[0], s.get("w"), s.get("g"), s.get("m"), s.get("v"), s.get("grad_factor")))
                : made.call((b, s) -> b.adamW(STEP, e[0], s.get("w"), s.get("g"), s.get("m"), s.get("v"), s.get("grad_factor")));
    }

    private static void factor(Case made, int choice) {
        if (choice > 0) {
            made.in("grad_factor", Type.F32, OffHeap.of(new float[]{1, 0.3f, 0}[choice - 1]));
        }
    }

    /** The second extent as of AdamW; the third: plain, with momentum, Nesterov. */
    private static Case sgd(int[] e, Filler filler) {
        Sgd step = new Sgd(0.02f, 0.9f, 0.01f, e[2] == 2);
        Case made = new Case("sgd").scalar("count", (long) e[0]).scalar("lr", step.lr()).scalar("momentum", step.momentum())
                .scalar("weight_decay", step.weightDecay()).scalar("nesterov", e[2] == 2 ? 1 : 0).inout("w", Type.F32, filler.floats(e[0]))
                .in("g", Type.F32, filler.floats(e[0]));
        if (e[2] > 0) {
            made.inout("m", Type.F32, filler.plain(e[0]));
        }
        factor(made, e[1]);
        return made.call((b, s) -> b.sgd(step, e[0], s.get("w"), s.get("g"), s.get("m"), s.get("grad_factor")));
    }

    private static Case lion(int[] e, Filler filler) {
        Lion step = new Lion(1e-3f, 0.9f, 0.99f, 0.1f);
        Case made = new Case("lion").scalar("count", (long) e[0]).scalar("lr", step.lr()).scalar("beta1", step.beta1())
                .scalar("beta2", step.beta2()).scalar("weight_decay", step.weightDecay()).inout("w", Type.F32, filler.floats(e[0]))
                .in("g", Type.F32, filler.floats(e[0])).inout("m", Type.F32, filler.floats(e[0]));
        factor(made, e[1]);
        return made.call((b, s) -> b.lion(step, e[0], s.get("w"), s.get("g"), s.get("m"), s.get("grad_factor")));
    }

    /** Any bytes are codes. */
    private static Case adamW8(int[] e, Filler filler) {
        int blocks = (e[0] + 255) / 256;
        Case made = new Case("adamw8").scalar("count", (long) e[0]).scalar("lr", STEP.lr()).scalar("beta1", STEP.beta1())
                .scalar("beta2", STEP.beta2()).scalar("eps", STEP.eps()).scalar("weight_decay", STEP.weightDecay())
                .scalar("bias1", STEP.bias1()).scalar("bias2", STEP.bias2()).inout("w", Type.F32, filler.floats(e[0]))
                .in("g", Type.F32, filler.floats(e[0])).inout("m", Type.I8, bytes(filler, e[0])).inout("v", Type.I8, bytes(filler, e[0]))
                .inout("m_scale", Type.F32, filler.positive(blocks)).inout("v_scale", Type.F32, filler.positive(blocks));
        factor(made, e[1]);
        return made.call((b, s) -> b.adamW8(STEP, e[0], s.get("w"), s.get("g"), s.get("m"), s.get("v"), s.get("m_scale"), s.get("v_scale"),
                s.get("grad_factor")));
    }

    private static MemorySegment bytes(Filler filler, int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) filler.random().nextInt(256);
        }
        MemorySegment segment = OffHeap.bytes(count);
        MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, count);
        return segment;
    }

    private static Case adafactor(int[] e, Filler filler) {
        Adafactor step = new Adafactor(3e-3f, 0.42f, 1e-30f, 1, 0.1f);
        int rows = e[0];
        int columns = Math.min(e[1], 200_000 / Math.max(1, rows));
        Case made = new Case("adafactor").scalar("rows", (long) rows).scalar("columns", (long) columns).scalar("lr", step.lr())
                .scalar("beta2", step.beta2()).scalar("eps", step.eps()).scalar("clip", step.clip())
                .scalar("weight_decay", step.weightDecay()).inout("w", Type.F32, filler.floats((long) rows * columns))
                .in("g", Type.F32, filler.floats((long) rows * columns)).inout("row", Type.F32, filler.positive(rows))
                .inout("column", Type.F32, filler.positive(columns));
        factor(made, e[2]);
        return made.call((b, s) -> b.adafactor(step, rows, columns, s.get("w"), s.get("g"), s.get("row"), s.get("column"),
                s.get("grad_factor")));
    }

    /** The second extent: counts alone, with averages, with freezing. */
    private static Case trackCodes(int[] e, Filler filler) {
        CodeTracking how = new CodeTracking(0.25f, 0.3f);
        Case made = new Case("track_codes").scalar("count", (long) e[0]).scalar("momentum", how.momentum())
                .scalar("threshold", how.threshold()).in("codes", Type.I8, filler.codes(e[0]))
                .inout("previous", Type.I8, filler.codes(e[0]))
                .inout("direction", Type.I8, filler.codes(e[0]));
        if (e[1] > 0) {
            made.inout("oscillation", Type.F32, filler.positive(e[0])).inout("average", Type.F32, filler.plain(e[0]));
        }
        if (e[1] > 1) {
            made.inout("frozen", Type.I8, frozen(filler, e[0]));
        }
        return made.out("counts", Type.F64, 3).call((b, s) -> b.trackCodes(how, e[0], s.get("codes"), s.get("previous"),
                s.get("direction"), s.get("oscillation"), s.get("average"), s.get("frozen"), s.get("counts")));
    }

    private static MemorySegment frozen(Filler filler, int count) {
        MemorySegment codes = filler.codes(count);
        for (int i = 0; i < count; i++) {
            if (filler.random().nextInt(4) > 0) {
                codes.set(ValueLayout.JAVA_BYTE, i, OptimOps.CODE_FREE);
            }
        }
        return codes;
    }

    /** The third extent: a limit, and frozen weights of levels that are shifted. */
    private static Case constrainWeights(int[] e, Filler filler) {
        WeightLimit limit = e[2] == 0 ? new WeightLimit(1.1f, 0, 1) : new WeightLimit(0, 0.5f, 2);
        Case made = new Case("constrain_weights").scalar("groups", (long) e[0]).scalar("group", (long) e[1]).scalar("limit", limit.limit())
                .scalar("shift", limit.shift()).scalar("divisions", limit.divisions())
                .inout("w", Type.F32, filler.floats((long) e[0] * e[1])).in("scales", Type.F32, filler.positive(e[0]));
        if (e[2] > 0) {
            made.in("frozen", Type.I8, frozen(filler, e[0] * e[1]));
        }
        return made.out("counts", Type.F64, 2).call(
                (b, s) -> b.constrainWeights(limit, e[0], e[1], s.get("w"), s.get("scales"), s.get("frozen"), s.get("counts")));
    }
}
