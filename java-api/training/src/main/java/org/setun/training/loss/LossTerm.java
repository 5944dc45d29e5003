package org.setun.training.loss;

import java.util.List;
import org.setun.nn.Tensor;

/**
 * A part of a loss with a name of its own.
 *
 * @param name   in snake_case, one of {@link LossTerms#names()} or the task's own
 * @param values F64[1] each, on the step's tape, weighted already: their sum is what the term adds to the loss
 */
public record LossTerm(String name, List<Tensor> values) {

    public LossTerm {
        values = List.copyOf(values);
    }

    /** A term of one value. */
    public LossTerm(String name, Tensor value) {
        this(name, List.of(value));
    }

    /** What the term adds to the loss, in the order of its values. */
    public double sum() {
        double sum = 0;
        for (Tensor value : values) {
            sum += value.item();
        }
        return sum;
    }
}
