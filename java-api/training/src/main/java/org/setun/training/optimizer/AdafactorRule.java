package org.setun.training.optimizer;

import java.util.List;
import org.setun.kernels.OptimOps;
import org.setun.nn.DType;
import org.setun.nn.Parameter;
import org.setun.nn.Shape;
import org.setun.nn.Tensor;
import org.setun.training.config.TrainingConfig;

/**
 * Adafactor (arXiv 1804.04235): of the second moments, the means of rows and columns alone. No first moment; the learning rate is the schedule's,
 * not relative to the weights. A vector counts as one row, which leaves its second moments whole.
 */
record AdafactorRule(TrainingConfig.Optimizer settings) implements UpdateRule {

    private static final double DECAY_EXPONENT = -0.8;
    private static final float TINY = 1e-30f;
    private static final float CLIP = 1;

    private static long rows(Parameter parameter) {
        return parameter.shape().rows();
    }

    @Override
    public List<State> state(Parameter parameter) {
        return List.of(new State("r", DType.F32, Shape.of(rows(parameter))),
                new State("c", DType.F32, Shape.of(parameter.shape().columns())));
    }

    @Override
    public void update(Step step, Parameter parameter, List<Tensor> state) {
        float beta2 = (float) (1 - Math.pow(step.number(), DECAY_EXPONENT));
        OptimOps.Adafactor adafactor = new OptimOps.Adafactor(step.learningRate(), beta2, TINY, CLIP, step.weightDecay());
        step.backend().adafactor(adafactor, rows(parameter), parameter.shape().columns(), parameter.value().segment(),
                parameter.gradient().segment(), state.get(0).segment(), state.get(1).segment(), step.factor());
    }
}
