package org.setun.training.optimizer;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.setun.kernels.Backend;
import org.setun.nn.DType;
import org.setun.nn.Parameter;
import org.setun.nn.Shape;
import org.setun.nn.Tensor;

/** How one optimizer changes one parameter. Rules keep no state of their own: what lasts from step to step lies in the tensors they ask for. */
interface UpdateRule {

    /**
     * One update.
     *
     * @param learningRate of this step
     * @param weightDecay  of this parameter at this step
     * @param number       of the update, from 1 on
     * @param factor       f32[1] on which gradients are to be multiplied: that of the clipped norm
     */
    record Step(Backend backend, float learningRate, float weightDecay, long number, MemorySegment factor) {

        /** {@code 1 - beta^number}. */
        float bias(double beta) {
            return (float) (1 - Math.pow(beta, number));
        }
    }

    /** A tensor that is kept for a parameter, zeros at first; {@code suffix} follows the parameter's name and a dot. */
    record State(String suffix, DType type, Shape shape) {

        /** An F32 tensor of the parameter's shape. */
        static State like(Parameter parameter, String suffix) {
            return new State(suffix, DType.F32, parameter.shape());
        }
    }

    /** What is kept for a parameter, in the order in which {@link #update} gets it. */
    List<State> state(Parameter parameter);

    /** Changes the value of {@code parameter}; its gradient may be overwritten. */
    void update(Step step, Parameter parameter, List<Tensor> state);
}
