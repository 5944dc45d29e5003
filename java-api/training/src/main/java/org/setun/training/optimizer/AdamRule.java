package org.setun.training.optimizer;

import java.util.List;
import org.setun.kernels.OptimOps;
import org.setun.nn.Parameter;
import org.setun.nn.Tensor;
import org.setun.training.config.TrainingConfig;

/** AdamW (arXiv 1711.05101), Adam (arXiv 1412.6980), and LAMB (arXiv 1904.00962), which scales AdamW's step to the norm of the weight. */
final class AdamRule implements UpdateRule {

    /** Which of the three. */
    enum Kind {
        ADAMW, ADAM, LAMB
    }

    private final Kind kind;
    private final TrainingConfig.Optimizer settings;
    private final Norm norm;

    AdamRule(Kind kind, TrainingConfig.Optimizer settings, Norm norm) {
        this.kind = kind;
        this.settings = settings;
        this.norm = norm;
    }

    @Override
    public List<State> state(Parameter parameter) {
        return List.of(State.like(parameter, "m"), State.like(parameter, "v"));
    }

    /** The hyper-parameters of one step. */
    static OptimOps.AdamW step(Step step, TrainingConfig.Optimizer settings) {
        return new OptimOps.AdamW(step.learningRate(), (float) settings.beta1(), (float) settings.beta2(), (float) settings.eps(),
                step.weightDecay(), step.bias(settings.beta1()), step.bias(settings.beta2()));
    }

    @Override
    public void update(Step step, Parameter parameter, List<Tensor> state) {
        OptimOps.AdamW adam = step(step, settings);
        long count = parameter.shape().size();
        Tensor w = parameter.value();
        Tensor g = parameter.gradient();
        Tensor m = state.get(0);
        Tensor v = state.get(1);
        switch (kind) {
            case ADAMW -> step.backend().adamW(adam, count, w.segment(), g.segment(), m.segment(), v.segment(), step.factor());
            case ADAM -> step.backend().adam(adam, count, w.segment(), g.segment(), m.segment(), v.segment(), step.factor());
            case LAMB -> {
                step.backend().adamDirection(adam, count, w.segment(), g.segment(), m.segment(), v.segment(), step.factor(), g.segment());
                double weight = norm.of(w);
                double change = norm.of(g);
                double trust = weight > 0 && change > 0 ? weight / change : 1;
                step.backend().axpby((float) (-step.learningRate() * trust), g.segment(), 1, w.segment(), count);
            }
        }
    }
}
