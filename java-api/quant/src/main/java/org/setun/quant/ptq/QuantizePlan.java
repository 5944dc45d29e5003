package org.setun.quant.ptq;

import java.util.List;

/**
 * What a job will write, known before it reads a weight.
 *
 * @param architecture of the output, with {@link SetunGguf#PREFIX} if other engines must refuse it
 * @param tensors      in the output's order
 * @param headBytes    bytes before the data
 * @param bytes        bytes of the output file
 */
public record QuantizePlan(String architecture, List<PlannedTensor> tensors, long headBytes, long bytes) {

    public QuantizePlan {
        tensors = List.copyOf(tensors);
    }

    /** Whether the output has tensors that only Setun reads. */
    public boolean own() {
        return architecture.startsWith(SetunGguf.PREFIX);
    }

    /** Values of all tensors. */
    public long elements() {
        return tensors.stream().mapToLong(PlannedTensor::elements).sum();
    }

    /** Bits per value over all tensors. */
    public double bitsPerWeight() {
        return 8.0 * tensors.stream().mapToLong(PlannedTensor::bytes).sum() / elements();
    }
}
