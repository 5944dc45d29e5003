package org.setun.conformance;

import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.setun.conformance.cases.Case;
import org.setun.conformance.cases.Filler.Values;
import org.setun.conformance.cases.Op;
import org.setun.conformance.cases.Ops;

/** Random operations, shapes, values and placements on the best tier, with as many threads as the case asks for. */
class RandomShapesProperties {

    @Provide
    Arbitrary<Op> operations() {
        List<Op> ops = Ops.all().toList();
        return Arbitraries.of(ops);
    }

    @Property(tries = 400)
    void theBestTierAgreesWithTheReference(@ForAll("operations") Op op, @ForAll Values values, @ForAll Placement placement,
            @ForAll long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Case made = op.make(op.draw(random), values, random.nextLong());
        Conformity.check(Tiers.best(random.nextInt(4)), made, Conformity.expected(made), placement);
    }
}
