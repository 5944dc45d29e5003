package org.setun.conformance.cases;

import java.util.stream.Stream;

/** Every operation of {@code Backend}. */
public final class Ops {

    private Ops() {
    }

    public static Stream<Op> all() {
        return Stream
                .of(TernaryCases.ops(), BlockCases.ops(), GemmCases.ops(), NnCases.ops(), ElementwiseCases.ops(), ActivationCases.ops(),
                        HadamardCases.ops(),
                        AttentionCases.ops(),
                        OptimCases.ops(), PiCases.ops(), FakeQuantCases.ops())
                .flatMap(ops -> ops);
    }
}
