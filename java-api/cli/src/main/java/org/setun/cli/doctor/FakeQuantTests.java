package org.setun.cli.doctor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.setun.kernels.Estimator;
import org.setun.kernels.FakeQuantOps;
import org.setun.kernels.FakeQuantRule;
import org.setun.kernels.QuantLevels;

import static org.setun.cli.doctor.Operands.values;
import static org.setun.cli.doctor.SelfTests.K;
import static org.setun.cli.doctor.SelfTests.M;

/** Self-tests of fake quantization ({@link FakeQuantOps}): an estimator of each kind. */
final class FakeQuantTests {

    private static final List<FakeQuantRule> RULES = List.of(new FakeQuantRule(QuantLevels.ternary(), new Estimator.Clipped(0)),
            new FakeQuantRule(QuantLevels.signed(3), new Estimator.Lsq(0)),
            new FakeQuantRule(QuantLevels.symmetric(4), new Estimator.Ewgs(0.2f)),
            new FakeQuantRule(QuantLevels.binary(), new Estimator.ReSte(2, 0.1f, 1.5f)),
            new FakeQuantRule(QuantLevels.ternary(), new Estimator.Staircase(0.3f, false)),
            new FakeQuantRule(QuantLevels.signed(2), new Estimator.Dsq(0.2f, false)),
            new FakeQuantRule(QuantLevels.ternary(), new Estimator.Gumbel(0.7f, 0.3f, false)));

    private FakeQuantTests() {
    }

    static List<SelfTest> all() {
        List<SelfTest> tests = new ArrayList<>();
        for (FakeQuantRule rule : RULES) {
            String name = rule.estimator().getClass().getSimpleName().toLowerCase(Locale.ROOT);
            tests.add(SelfTest.exact("fake quantization, " + name, (b, o) -> {
                MemorySegment v = o.gaussian(M * K);
                MemorySegment scales = o.scales(M);
                MemorySegment values = o.floats(M * K);
                MemorySegment gradient = o.gaussian(M * K);
                MemorySegment scaleGradient = o.gaussian(M);
                b.fakeQuantForward(rule, M, K, v, scales, null, values, null, null);
                b.fakeQuantBackward(rule, M, K, v, scales, null, gradient, gradient, scaleGradient, null, 0.1f);
                return values(values, gradient, scaleGradient);
            }));
        }
        return tests;
    }
}
