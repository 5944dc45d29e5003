package org.setun.training.optimizer;

import java.util.List;
import org.setun.kernels.OptimOps;
import org.setun.nn.Parameter;
import org.setun.nn.Tensor;
import org.setun.training.config.TrainingConfig;

/** Lion (arXiv 2302.06675): steps of one size; a third to a tenth of AdamW's rate and as much more decay suit it. */
record LionRule(TrainingConfig.Optimizer settings) implements UpdateRule {

    @Override
    public List<State> state(Parameter parameter) {
        return List.of(State.like(parameter, "m"));
    }

    @Override
    public void update(Step step, Parameter parameter, List<Tensor> state) {
        OptimOps.Lion lion = new OptimOps.Lion(step.learningRate(), (float) settings.beta1(), (float) settings.beta2(), step.weightDecay());
        step.backend().lion(lion, parameter.shape().size(), parameter.value().segment(), parameter.gradient().segment(),
                state.getFirst().segment(), step.factor());
    }
}
