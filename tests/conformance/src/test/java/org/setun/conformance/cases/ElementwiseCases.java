package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Bound;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.NnOps.Glu;
import org.setun.testsupport.OffHeap;

/** Cases of {@code setun/nn.h} that treat each value, or each column, by itself. */
final class ElementwiseCases {

    private ElementwiseCases() {
    }

    static Stream<Op> ops() {
        return Stream.of(new Op("glu_forward", e(3, 20, 0), e(129, 4097, 1), ElementwiseCases::gluForward),
                new Op("glu_backward", e(3, 20, 0), e(129, 4097, 1), ElementwiseCases::gluBackward),
                new Op("relu_forward", e(20), e(9000), ElementwiseCases::reluForward),
                new Op("relu_backward", e(20), e(9000), ElementwiseCases::reluBackward),
                new Op("axpby", e(20, 1), e(9000, 3), ElementwiseCases::axpby), new Op("fill", e(20), e(9000), ElementwiseCases::fill),
                new Op("bias_forward", e(3, 20), e(300, 4097), ElementwiseCases::biasForward),
                new Op("bias_backward", e(3, 20), e(1000, 4097), ElementwiseCases::biasBackward));
    }

    private static int[] e(int... extents) {
        return extents;
    }

    private static Case gluForward(int[] e, Filler filler) {
        long n = e[0];
        long d = e[1];
        Glu kind = Glu.values()[e[2]];
        return new Case("glu_forward").scalar("n", n).scalar("d", d).scalar("kind", (long) kind.ordinal())
                .in("gate", Type.F32, filler.floats(n * d)).in("up", Type.F32, filler.floats(n * d)).out("y", Type.F32, n * d)
                .call((b, s) -> b.gluForward(kind, s.get("gate"), s.get("up"), n, d, s.get("y")));
    }

    private static Case gluBackward(int[] e, Filler filler) {
        long n = e[0];
        long d = e[1];
        Glu kind = Glu.values()[e[2]];
        MemorySegment gate = filler.floats(n * d);
        MemorySegment up = filler.floats(n * d);
        MemorySegment dy = filler.floats(n * d);
        float[] g = OffHeap.toFloats(gate);
        float[] u = OffHeap.toFloats(up);
        float[] dys = OffHeap.toFloats(dy);
        // The slope of SiLU, s*(1 + g*(1-s)), cancels near its zero: its terms count, not its value.
        Bound dgate = (i, expected) -> {
            double s = 1 / (1 + Math.exp(-(double) g[i]));
            double slope = kind == Glu.RELU2 ? 2 * Math.max(g[i], 0) : s * (1 + Math.abs(g[i]) * (1 - s));
            return Bounds.sum(Bounds.FUNCTION, Math.abs((double) dys[i] * u[i]) * slope);
        };
        Bound dup = (i, expected) -> Bounds.sum(Bounds.FUNCTION, Math.abs(expected));
        return new Case("glu_backward").scalar("n", n).scalar("d", d).scalar("kind", (long) kind.ordinal()).in("gate", Type.F32, gate)
                .in("up", Type.F32, up).in("dy", Type.F32, dy).out("dgate", n * d, dgate).out("dup", n * d, dup)
                .call((b, s) -> b.gluBackward(kind, s.get("gate"), s.get("up"), s.get("dy"), n, d, s.get("dgate"), s.get("dup")));
    }

    private static Case reluForward(int[] e, Filler filler) {
        return new Case("relu_forward").scalar("count", (long) e[0]).in("x", Type.F32, filler.floats(e[0])).out("y", Type.F32, e[0])
                .call((b, s) -> b.reluForward(s.get("x"), e[0], s.get("y")));
    }

    private static Case reluBackward(int[] e, Filler filler) {
        return new Case("relu_backward").scalar("count", (long) e[0]).in("x", Type.F32, filler.floats(e[0]))
                .in("dy", Type.F32, filler.floats(e[0])).out("dx", Type.F32, e[0])
                .call((b, s) -> b.reluBackward(s.get("x"), s.get("dy"), e[0], s.get("dx")));
    }

    private static Case axpby(int[] e, Filler filler) {
        float a = new float[]{1, 0.7f, 1, -2}[e[1]];
        float scale = new float[]{0, 1.3f, 1, 0}[e[1]];
        return new Case("axpby").scalar("a", a).scalar("b", scale).scalar("count", (long) e[0]).in("x", Type.F32, filler.floats(e[0]))
                .inout("y", Type.F32, filler.floats(e[0])).call((b, s) -> b.axpby(a, s.get("x"), scale, s.get("y"), e[0]));
    }

    private static Case fill(int[] e, Filler filler) {
        float value = (float) filler.random().nextGaussian();
        return new Case("fill").scalar("count", (long) e[0]).scalar("value", value).out("x", Type.F32, e[0])
                .call((b, s) -> b.fill(s.get("x"), e[0], value));
    }

    private static Case biasForward(int[] e, Filler filler) {
        long n = e[0];
        long d = e[1];
        return new Case("bias_forward").scalar("n", n).scalar("d", d).in("bias", Type.F32, filler.floats(d))
                .inout("y", Type.F32, filler.floats(n * d)).call((b, s) -> b.biasForward(s.get("bias"), n, d, s.get("y")));
    }

    private static Case biasBackward(int[] e, Filler filler) {
        long n = e[0];
        int d = e[1];
        MemorySegment dy = filler.floats(n * d);
        MemorySegment dbias = filler.floats(d);
        float[] dys = OffHeap.toFloats(dy);
        float[] before = OffHeap.toFloats(dbias);
        Bound bound = (j, expected) -> {
            double magnitude = Math.abs(before[j]);
            for (int i = 0; i < n; i++) {
                magnitude += Math.abs(dys[i * d + j]);
            }
            return Bounds.sum(n + 1, magnitude);
        };
        return new Case("bias_backward").scalar("n", n).scalar("d", (long) d).in("dy", Type.F32, dy).inout("dbias", dbias, bound)
                .call((b, s) -> b.biasBackward(s.get("dy"), n, d, s.get("dbias")));
    }
}
