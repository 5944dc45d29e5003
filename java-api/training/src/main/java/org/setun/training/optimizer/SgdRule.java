package org.setun.training.optimizer;

import java.util.List;
import org.setun.kernels.OptimOps;
import org.setun.nn.Parameter;
import org.setun.nn.Tensor;
import org.setun.training.config.TrainingConfig;

/** Stochastic gradient descent; with momentum, also Nesterov's. Weight decay is part of the gradient. */
record SgdRule(TrainingConfig.Optimizer settings) implements UpdateRule {

    @Override
    public List<State> state(Parameter parameter) {
        return settings.momentum() > 0 ? List.of(State.like(parameter, "m")) : List.of();
    }

    @Override
    public void update(Step step, Parameter parameter, List<Tensor> state) {
        OptimOps.Sgd sgd = new OptimOps.Sgd(step.learningRate(), (float) settings.momentum(), step.weightDecay(), settings.nesterov());
        step.backend().sgd(sgd, parameter.shape().size(), parameter.value().segment(), parameter.gradient().segment(),
                state.isEmpty() ? null : state.getFirst().segment(), step.factor());
    }
}
