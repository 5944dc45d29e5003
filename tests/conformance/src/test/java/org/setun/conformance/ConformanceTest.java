package org.setun.conformance;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.conformance.cases.Case;
import org.setun.conformance.cases.Filler.Values;
import org.setun.conformance.cases.Op;
import org.setun.conformance.cases.Ops;
import org.setun.kernels.Backend;
import org.setun.kernels.Isa;

/** Every operation on every tier against the reference: a grid of lengths, every placement, special values, random shapes. */
class ConformanceTest {

    static Stream<Arguments> operationsOnTiers() {
        return Stream.of(Isa.values()).flatMap(isa -> Ops.all().map(op -> Arguments.of(isa, op)));
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("operationsOnTiers")
    void agreesWithTheReferenceOnTheGrid(Isa isa, Op op) {
        Backend backend = Tiers.require(isa, 1);
        for (int[] extents : op.grid()) {
            check(backend, op.make(extents, Values.NORMAL, 17), Placement.FIRST, Placement.LAST);
        }
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("operationsOnTiers")
    void agreesWithTheReferenceAtAnyAlignment(Isa isa, Op op) {
        Backend backend = Tiers.require(isa, 1);
        SplittableRandom random = new SplittableRandom(op.name().hashCode());
        for (int i = 0; i < 12; i++) {
            check(backend, op.make(op.draw(random), Values.NORMAL, i), Placement.SHIFTED, Placement.SHIFTED_MORE);
        }
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("operationsOnTiers")
    void agreesWithTheReferenceOnSpecialValues(Isa isa, Op op) {
        Backend backend = Tiers.require(isa, 1);
        SplittableRandom random = new SplittableRandom(op.name().hashCode() + 1);
        for (Values values : Values.values()) {
            for (int i = 0; i < 8; i++) {
                check(backend, op.make(op.draw(random), values, i), Placement.LAST);
            }
        }
    }

    private static void check(Backend backend, Case made, Placement... placements) {
        Map<String, MemorySegment> expected = Conformity.expected(made);
        for (Placement placement : placements) {
            Conformity.check(backend, made, expected, placement);
        }
    }
}
