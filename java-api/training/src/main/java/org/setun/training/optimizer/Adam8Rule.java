package org.setun.training.optimizer;

import java.util.List;
import org.setun.kernels.OptimOps;
import org.setun.nn.DType;
import org.setun.nn.Parameter;
import org.setun.nn.Shape;
import org.setun.nn.Tensor;
import org.setun.training.config.TrainingConfig;

/** AdamW with moments of 8 bits (arXiv 2110.02861); small tensors keep moments of 32 bits. */
final class Adam8Rule implements UpdateRule {

    /** Values from which moments have 8 bits. */
    static final long LEAST_VALUES = 4096;

    private final AdamRule ofSmall;
    private final TrainingConfig.Optimizer settings;

    Adam8Rule(TrainingConfig.Optimizer settings, Norm norm) {
        this.settings = settings;
        ofSmall = new AdamRule(AdamRule.Kind.ADAMW, settings, norm);
    }

    @Override
    public List<State> state(Parameter parameter) {
        long count = parameter.shape().size();
        if (count < LEAST_VALUES) {
            return ofSmall.state(parameter);
        }
        Shape scales = Shape.of((count + OptimOps.ADAMW8_BLOCK - 1) / OptimOps.ADAMW8_BLOCK);
        return List.of(new State("m", DType.I8, parameter.shape()), new State("v", DType.I8, parameter.shape()),
                new State("m_scale", DType.F32, scales), new State("v_scale", DType.F32, scales));
    }

    @Override
    public void update(Step step, Parameter parameter, List<Tensor> state) {
        long count = parameter.shape().size();
        if (count < LEAST_VALUES) {
            ofSmall.update(step, parameter, state);
            return;
        }
        step.backend().adamW8(AdamRule.step(step, settings), count, parameter.value().segment(), parameter.gradient().segment(),
                state.get(0).segment(), state.get(1).segment(), state.get(2).segment(), state.get(3).segment(), step.factor());
    }
}
