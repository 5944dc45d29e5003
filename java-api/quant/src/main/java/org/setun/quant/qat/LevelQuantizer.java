package org.setun.quant.qat;

import org.setun.kernels.FakeQuantRule;
import org.setun.nn.WeightQuantizer;

/** A quantizer of equally distant levels, whose rule schedules may change from step to step. */
public sealed interface LevelQuantizer extends WeightQuantizer permits FakeQuantizer, LearnedFakeQuantizer {

    /** Levels, estimator, mix and noise. */
    FakeQuantRule rule();

    /** The same with another rule for the same levels. */
    LevelQuantizer withRule(FakeQuantRule rule);
}
