package org.setun.quant.budget;

import java.util.List;

/**
 * One option per tensor.
 *
 * @param options in the order of the tensors
 * @param bytes   their sum
 * @param loss    their sum, added in that order
 */
public record Allocation(List<Option> options, long bytes, double loss) {

    static Allocation of(List<Option> options) {
        long bytes = 0;
        double loss = 0;
        for (Option option : options) {
            bytes = Math.addExact(bytes, option.bytes());
            loss += option.loss();
        }
        return new Allocation(List.copyOf(options), bytes, loss);
    }
}
