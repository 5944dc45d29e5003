package org.setun.quant.ptq;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
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
     * @param energy        the sum of the squares of its original values
     * @param blockMatrix   whether it is a matrix of a block
     * @param note          why the format is not the one that was asked for; empty if it is
     */
    public record Tensor(String name, List<Long> shape, String format, String incoherence, String rounding, long bytes, float relativeError,
            @Nullable IncoherenceEffect outliers, double energy, boolean blockMatrix, String note) {
    }

    /** What rotations did to outliers, the mean over the matrices that this run has rotated; empty if there are none. */
    public Optional<IncoherenceEffect> meanOutliers() {
        return IncoherenceEffect.mean(tensors.stream().map(Tensor::outliers).filter(Objects::nonNull).toList());
    }

    /** {@code ||stored - original|| / ||original||} over the values of all tensors together. */
    public double relativeError() {
        return relativeError(tensor -> true);
    }

    /** The same over the matrices of the blocks, which the format and the rounding are about. */
    public double relativeErrorOfMatrices() {
        return relativeError(Tensor::blockMatrix);
    }

    private double relativeError(Predicate<Tensor> counts) {
        double noise = 0;
        double signal = 0;
        for (Tensor tensor : tensors) {
            if (counts.test(tensor) && tensor.relativeError() > 0) {
                noise += (double) tensor.relativeError() * tensor.relativeError() * tensor.energy();
            }
            signal += counts.test(tensor) ? tensor.energy() : 0;
        }
        return noise == 0 ? 0 : Math.sqrt(noise / signal);
    }
}
