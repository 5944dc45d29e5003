package org.setun.quant.rounding;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the scale of a {@link Grid} for the values of a block, row or tensor. Free-threaded.
 *
 * <p>Formats of weights search for the least square error ({@link #mse}: E8P here; GGUF's and pi's blocks have searches of their own, which know
 * their grids), because blocks are small and every value of them is kept. {@link #percentile} and {@link #entropy} are for programs that
 * choose one scale for a whole tensor, activations above all, where a few outliers would cost everything else its resolution.
 */
@FunctionalInterface
public interface ScaleSearch {

    /**
     * The scale: values are rounded as {@code scale * grid.nearest(values / scale)}.
     *
     * @param count      a multiple of the grid's dimension
     * @param importance of each square error, at the same indices; null: all count alike
     * @return positive, or 0 if all values are 0
     * @throws IllegalArgumentException if a value is NaN or infinite
     */
    float scale(Grid grid, float[] values, int from, int count, float @Nullable [] importance);

    /** The largest magnitude becomes the outermost level: nothing is clipped. */
    static ScaleSearch absmax() {
        return (grid, values, from, count, importance) -> largest(values, from, count) / grid.most();
    }

    /**
     * The least sum of square errors, weighted where an importance is given: {@code points} scales, evenly spaced in their logarithm,
     * whose outermost level lies between 0.8 root mean squares of the values and 1.1 of their largest magnitude, then {@code refinements}
     * halvings of the spacing around the best. The best codes get the scale that fits them best, Σ w x q / Σ w q².
     */
    static ScaleSearch mse(int points, int refinements) {
        if (points < 2 || refinements < 0) {
            throw new IllegalArgumentException("points = " + points + " must be at least 2, refinements = " + refinements + " at least 0");
        }
        return new ErrorSearch(points, refinements);
    }

    /** Magnitudes above the {@code fraction} quantile are clipped: 0.999 keeps all but one of a thousand. */
    static ScaleSearch percentile(double fraction) {
        if (!(fraction > 0 && fraction <= 1)) {
            throw new IllegalArgumentException("fraction = " + fraction + " must be in (0, 1]; 0.999 is usual");
        }
        return (grid, values, from, count, importance) -> {
            largest(values, from, count);
            float[] magnitudes = new float[count];
            for (int i = 0; i < count; i++) {
                magnitudes[i] = Math.abs(values[from + i]);
            }
            Arrays.sort(magnitudes);
            int rank = Math.max(0, (int) Math.ceil(fraction * count) - 1);
            return magnitudes.length == 0 ? 0 : magnitudes[rank] / grid.most();
        };
    }

    /**
     * The threshold whose clipped and folded histogram of magnitudes (2048 bins) diverges least, in the sense of Kullback and Leibler, from
     * the histogram itself, as TensorRT calibrates activations. For whole tensors: a histogram of few values says little.
     */
    static ScaleSearch entropy() {
        return new EntropySearch();
    }

    /** The largest magnitude; refuses what is not finite. */
    private static float largest(float[] values, int from, int count) {
        float largest = 0;
        for (int i = from; i < from + count; i++) {
            if (!Float.isFinite(values[i])) {
                throw new IllegalArgumentException("value " + values[i] + " at " + i + " must be finite");
            }
            largest = Math.max(largest, Math.abs(values[i]));
        }
        return largest;
    }
}
