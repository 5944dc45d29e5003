package org.setun.conformance;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.conformance.cases.Case;
import org.setun.conformance.cases.Filler.Values;
import org.setun.conformance.cases.Op;
import org.setun.conformance.cases.Operand;
import org.setun.conformance.cases.Ops;

/** The number of threads never changes a bit, of floats neither. */
class ThreadCountTest {

    static Stream<Op> operations() {
        return Ops.all();
    }

    @ParameterizedTest
    @MethodSource("operations")
    void everyThreadCountGivesTheSameBits(Op op) {
        SplittableRandom random = new SplittableRandom(op.name().hashCode() + 2);
        requireSameBits(op.make(op.most(), Values.NORMAL, 5));
        for (int i = 0; i < 6; i++) {
            requireSameBits(op.make(op.draw(random), Values.NORMAL, i));
        }
    }

    private static void requireSameBits(Case made) {
        Map<String, MemorySegment> alone = made.run(Tiers.best(0));
        for (int threads = 1; threads <= 3; threads++) {
            Map<String, MemorySegment> together = made.run(Tiers.best(threads));
            for (Operand operand : made.operands()) {
                long at = alone.get(operand.name()).mismatch(together.get(operand.name()));
                if (at >= 0) {
                    throw new AssertionError(
                            made + ": byte " + at + " of " + operand.name() + " differs between 0 and " + threads + " threads");
                }
            }
        }
    }
}
