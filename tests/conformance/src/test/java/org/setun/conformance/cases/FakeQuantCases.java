package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;
import org.setun.testsupport.OffHeap;

/** Cases of {@code setun/fakequant.h}: all of them promise bits. */
final class FakeQuantCases {

    private static final List<FakeQuantRule> RULES = List.of(new FakeQuantRule(QuantLevels.ternary(), new Estimator.Identity()),
            new FakeQuantRule(QuantLevels.signed(8), new Estimator.Clipped(0)),
            new FakeQuantRule(QuantLevels.midRise(2), new Estimator.Clipped(1.25f)),
            new FakeQuantRule(QuantLevels.binary(), new Estimator.ClippedValue(0.75f)),
            new FakeQuantRule(QuantLevels.signed(3), new Estimator.Lsq(0)),
            new FakeQuantRule(QuantLevels.stretched2Bit(), new Estimator.Lsq(0.99f)),
            new FakeQuantRule(QuantLevels.stretchedTernary(), new Estimator.Lsq(0.99f)),
            new FakeQuantRule(QuantLevels.unsigned(4), new Estimator.Pact()),
            new FakeQuantRule(QuantLevels.symmetric(4), new Estimator.Ewgs(0.2f)),
            new FakeQuantRule(QuantLevels.ternary(), new Estimator.EwgsAbsolute(0.2f)),
            new FakeQuantRule(QuantLevels.binary(), new Estimator.ReSte(2.5f, 0.1f, 1.5f)),
            new FakeQuantRule(QuantLevels.ternary(), Estimator.LevelFactors.of(0.5f, 2, 1.5f)),
            new FakeQuantRule(QuantLevels.ternary(), new Estimator.Staircase(0.2f, false)),
            new FakeQuantRule(QuantLevels.signed(3), Estimator.Staircase.tanh(0.5f, true)),
            new FakeQuantRule(QuantLevels.signed(2), new Estimator.Dsq(0.2f, false)),
            new FakeQuantRule(QuantLevels.ternary(), new Estimator.Dsq(0.4f, true)),
            new FakeQuantRule(QuantLevels.ternary(), new Estimator.Gumbel(0.7f, 0.3f, false)).withSeed(11),
            new FakeQuantRule(QuantLevels.ternary(), new Estimator.Gumbel(0.7f, 0.3f, true)).withSeed(1L << 40),
            new FakeQuantRule(QuantLevels.signed(2), new Estimator.Lsq(0), 0.3f, 0.1f, 1, 0, 7),
            new FakeQuantRule(QuantLevels.ternary(), new Estimator.Identity(), 1, 0, 0.4f, 32, 12345678901L));

    private FakeQuantCases() {
    }

    static Stream<Op> ops() {
        return Stream.of(
                new Op("fakequant_forward", new int[]{3, 20, 0, 0}, new int[]{33, 9000, RULES.size() - 1, 7}, FakeQuantCases::forward),
                new Op("fakequant_backward", new int[]{3, 20, 0, 0}, new int[]{33, 9000, RULES.size() - 1, 7}, FakeQuantCases::backward));
    }

    /** Each rule takes its turn as any extent runs. */
    private static FakeQuantRule rule(int[] e) {
        return RULES.get((e[0] + e[1] + e[2]) % RULES.size());
    }

    private static Case common(String op, int[] e, Filler filler) {
        FakeQuantRule rule = rule(e);
        Case made = new Case(op).scalar("groups", (long) e[0]).scalar("group", (long) e[1]).scalar("estimator", rule.estimator().code())
                .scalar("hard", rule.estimator().hard() ? 1 : 0).scalar("lowest", rule.levels().lowest())
                .scalar("highest", rule.levels().highest()).scalar("shift", rule.levels().shift())
                .scalar("divisions", rule.levels().divisions()).scalar("limit", rule.estimator().limit())
                .scalar("p0", rule.estimator().p0())
                .scalar("p1", rule.estimator().p1()).scalar("mix", rule.mix()).scalar("noise", rule.noise())
                .scalar("fraction", rule.fraction()).scalar("block", rule.block()).scalar("seed", rule.seed())
                .in("v", Type.F32, filler.floats((long) e[0] * e[1])).in("scale", Type.F32, filler.positive(e[0]));
        if ((e[3] & 1) != 0) {
            made.in("offset", Type.F32, filler.plain(e[0]));
        }
        if (rule.estimator() instanceof Estimator.LevelFactors factors) {
            float[] values = new float[factors.values().size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = factors.values().get(i);
            }
            made.in("factors", Type.F32, OffHeap.of(values));
        }
        return made;
    }

    /** Extents: groups, values of a group, rule, and in bits: 0 an offset, 1 no values, 2 codes and sums. */
    private static Case forward(int[] e, Filler filler) {
        Case made = common("fakequant_forward", e, filler);
        if ((e[3] & 2) == 0) {
            made.out("value", Type.F32, (long) e[0] * e[1]);
        }
        if ((e[3] & 4) == 0) {
            made.out("code", Type.I8, (long) e[0] * e[1]).out("sums", Type.F64, 4L * e[0]);
        }
        return made.call((b, s) -> b.fakeQuantForward(rule(e), e[0], e[1], s.get("v"), s.get("scale"), s.get("offset"),
                s.get("value"), s.get("code"), s.get("sums")));
    }

    /** Extents as of the forward pass; bits: 0 an offset, 1 no gradient of the value, 2 none of scale and offset. */
    private static Case backward(int[] e, Filler filler) {
        Case made = common("fakequant_backward", e, filler).scalar("scale_factor", 0.3f).in("g", Type.F32,
                filler.floats((long) e[0] * e[1]));
        if ((e[3] & 2) == 0) {
            made.out("dv", Type.F32, (long) e[0] * e[1]);
        }
        if ((e[3] & 4) == 0) {
            MemorySegment before = filler.plain(e[0]);
            made.inout("dscale", Type.F32, before).inout("doffset", Type.F32, before);
        }
        return made.call((b, s) -> b.fakeQuantBackward(rule(e), e[0], e[1], s.get("v"), s.get("scale"), s.get("offset"), s.get("g"),
                s.get("dv"), s.get("dscale"), s.get("doffset"), 0.3f));
    }
}
