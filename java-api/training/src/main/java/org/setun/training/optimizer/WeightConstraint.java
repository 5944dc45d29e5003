package org.setun.training.optimizer;

import java.util.List;
import org.setun.training.checkpoint.NamedTensor;

/**
 * Holds weights where quantization can use them. Around each update of an {@link Optimizer}: all constraints are told that it begins, all parameters
 * take their step, all constraints are applied, all are validated, each time in the order in which they were added.
 */
public interface WeightConstraint {

    /** All gradients of a step are there, and not yet measured. */
    default void gradients() {
    }

    /** The update of this number is about to begin. */
    default void begin(long update) {
    }

    /** All parameters have taken their step; changes weights. */
    void apply(long update);

    /**
     * All constraints were applied; changes nothing.
     *
     * @throws IllegalStateException if a weight is not what it has to be
     */
    default void validate(long update) {
    }

    /** What lasts from step to step, for checkpoints. */
    default List<NamedTensor> state() {
        return List.of();
    }
}
