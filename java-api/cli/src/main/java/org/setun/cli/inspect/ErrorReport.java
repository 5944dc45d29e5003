package org.setun.cli.inspect;

import java.util.List;

/**
 * How far the tensors of a file are from those of the model that it was made from.
 *
 * @param original  the file of that model
 * @param tensors   those that both have, in the order of the first file
 * @param all       all of them together: {@code relativeError} is that of all values, not a mean over tensors
 * @param matrices  those of the matrices of the blocks together
 * @param unmatched names that only one of the two has
 */
public record ErrorReport(String original, List<TensorError> tensors, TensorError all, TensorError matrices,
        List<String> unmatched) {

    /**
     * What storing lost of one tensor; of zeros alone, ratios are not finite.
     *
     * @param type          how it is stored now
     * @param shape         of the values, rows first
     * @param relativeError {@code ||x - y|| / ||x||} of the original values x and the stored ones y
     * @param sqnrDb        signal to quantization noise, 10 log10(Σx² / Σ(x - y)²)
     * @param cosine        between x and y
     * @param mse           mean squared error
     * @param largestError  of a single value
     */
    public record TensorError(String name, String type, List<Long> shape, long values, double relativeError, double sqnrDb, double cosine,
            double mse, double largestError) {
    }
}
