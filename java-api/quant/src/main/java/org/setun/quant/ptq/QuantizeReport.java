package org.setun.quant.ptq;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.quant.incoherence.IncoherenceEffect;

/**
 * What was written.
 *
 * @param architecture of the file
 * @param bytes        its size
 * @param resumed      tensors that an earlier run had written already
 * @param seconds      this run took
 * @param notes        what the user should know; mostly none
 */
public record QuantizeReport(Path file, String architecture, long bytes, List<Tensor> tensors, int resumed, double seconds,
        List<String> notes) {

    public QuantizeReport {
        notes = List.copyOf(notes);
        tensors = List.copyOf(tensors);
    }

    /**
     * One tensor.
     *
     * @param format        with all parameters
     * @param incoherence   what it was multiplied with, {@code none} for most
     * @param rounding      how its values became codes
     * @param bytes         that it takes
     * @param relativeError {@code ||stored - original|| / ||original||}
     * @param outliers      what {@code incoherence} did to them; null without it, and for a tensor that an earlier run has written
     * @param note          why the format is not the one that was asked for; empty if it is
     */
    public record Tensor(String name, List<Long> shape, String format, String incoherence, String rounding, long bytes, float relativeError,
            @Nullable IncoherenceEffect outliers, String note) {
    }

    /** What rotations did to outliers, the mean over the matrices that this run has rotated; empty if there are none. */
    public Optional<IncoherenceEffect> meanOutliers() {
        return IncoherenceEffect.mean(tensors.stream().map(Tensor::outliers).filter(Objects::nonNull).toList());
    }

    /** The relative error of all tensors together, weighted by their values. */
    public double meanError() {
        double sum = 0;
        double count = 0;
        for (Tensor tensor : tensors) {
            double values = tensor.shape().stream().mapToDouble(Long::doubleValue).reduce(1, (a, b) -> a * b);
            sum += values * tensor.relativeError();
            count += values;
        }
        return sum / count;
    }
}
