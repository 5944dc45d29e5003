package org.setun.quant.calibration;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Gives the {@link Importance} of weight matrices by their GGUF name. Immutable and free-threaded. */
@FunctionalInterface
public interface ImportanceSource {

    /** Knows nothing. */
    ImportanceSource NONE = (tensor, rows, columns) -> Optional.empty();

    /**
     * What is known of a matrix.
     *
     * @param tensor  the name of the weight, such as {@code blk.0.attn_q.weight}
     * @param rows    outputs of the matrix
     * @param columns inputs of the matrix
     * @return empty if this source has nothing on that name
     * @throws IllegalArgumentException if it knows the name with another number of rows or columns: it was made of another model
     */
    Optional<Importance> find(String tensor, int rows, int columns);

    /**
     * The mean square of each input of a matrix, in the units of the model: unlike importances these can be compared between matrices.
     *
     * @return empty if this source does not know them, or has seen no token
     * @throws IllegalArgumentException if it knows the name with another number of columns: it was made of another model
     */
    default Optional<double[]> meanSquares(String tensor, int columns) {
        return Optional.empty();
    }

    /**
     * Several sources in one. What more than one of them knows becomes their geometric mean, normalized: what every source calls unimportant
     * stays so, and none decides alone. A source that has nothing on a name, or cannot tell rows apart, takes no part in that.
     */
    static ImportanceSource fused(List<ImportanceSource> sources) {
        List<ImportanceSource> copy = List.copyOf(sources);
        return (tensor, rows, columns) -> {
            List<Importance> found = copy.stream().flatMap(source -> source.find(tensor, rows, columns).stream()).toList();
            if (found.size() < 2) {
                return found.stream().findFirst();
            }
            List<float[]> byRow = found.stream().map(Importance::rows).filter(Objects::nonNull).toList();
            return Optional.of(new Importance(geometricMean(byRow), geometricMean(found.stream().map(Importance::columns).toList())));
        };
    }

    private static float @Nullable [] geometricMean(List<float[]> factors) {
        if (factors.size() < 2) {
            return factors.isEmpty() ? null : factors.getFirst();
        }
        double[] mean = new double[factors.getFirst().length];
        for (int i = 0; i < mean.length; i++) {
            double product = 1;
            for (float[] factor : factors) {
                product *= factor[i];
            }
            mean[i] = StrictMath.pow(product, 1.0 / factors.size());
        }
        return Importance.normalized(mean);
    }
}
