package org.setun.quant.rounding;

import org.jspecify.annotations.Nullable;

/** {@link ScaleSearch#mse}. */
record ErrorSearch(int points, int refinements) implements ScaleSearch {

    /** The outermost level of the first scale, in root mean squares of the values: even {−1, 0, 1} wants 1.22 of them. */
    private static final double LEAST = 0.8;
    private static final double MOST = 1.1;

    @Override
    public float scale(Grid grid, float[] values, int from, int count, float @Nullable [] importance) {
        float absmax = ScaleSearch.absmax().scale(grid, values, from, count, importance);
        if (absmax == 0) {
            return 0;
        }
        Trial trial = new Trial(grid, values, from, count, importance);
        double least = Math.min(MOST / 2, LEAST * rootMeanSquare(values, from, count, importance) / ((double) absmax * grid.most()));
        double ratio = StrictMath.pow(MOST / least, 1.0 / (points - 1));
        double center = 0;
        for (int i = 0; i < points; i++) {
            if (trial.test((float) (absmax * least * StrictMath.pow(ratio, i)))) {
                center = least * StrictMath.pow(ratio, i);
            }
        }
        for (int i = 0; i < refinements && center > 0; i++) {
            ratio = Math.sqrt(ratio);
            double middle = center;
            for (double factor : new double[]{middle / ratio, middle * ratio}) {
                if (trial.test((float) (absmax * factor))) {
                    center = factor;
                }
            }
        }
        return trial.best > 0 && trial.best < Float.POSITIVE_INFINITY ? trial.best : absmax;
    }

    private static double rootMeanSquare(float[] values, int from, int count, float @Nullable [] importance) {
        double squares = 0;
        double weights = 0;
        for (int i = from; i < from + count; i++) {
            double weight = importance == null ? 1 : importance[i];
            squares += weight * values[i] * values[i];
            weights += weight;
        }
        return weights > 0 && squares > 0 ? Math.sqrt(squares / weights) : Float.MAX_VALUE;
    }

    /** The best scale so far. */
    private static final class Trial {

        private final Grid grid;
        private final float[] values;
        private final int from;
        private final int count;
        private final float @Nullable [] importance;
        private final float[] point;
        private double least = Double.POSITIVE_INFINITY;
        private float best;

        Trial(Grid grid, float[] values, int from, int count, float @Nullable [] importance) {
            this.grid = grid;
            this.values = values;
            this.from = from;
            this.count = count;
            this.importance = importance;
            point = new float[grid.dimension()];
        }

        /** Whether the codes of this scale, with the scale that fits them best, err least so far. */
        boolean test(float scale) {
            float inverse = 1 / scale;
            if (!(scale > 0) || inverse == Float.POSITIVE_INFINITY) {
                return false;
            }
            double squares = 0;
            double products = 0;
            double points = 0;
            for (int i = from; i < from + count; i += point.length) {
                grid.nearest(values, i, inverse, point, 0);
                for (int j = 0; j < point.length; j++) {
                    double weight = importance == null ? 1 : importance[i + j];
                    squares += weight * values[i + j] * values[i + j];
                    products += weight * values[i + j] * point[j];
                    points += weight * point[j] * point[j];
                }
            }
            // Σ w (x − s q)² at its least, s = products / points
            double error = points > 0 && products > 0 ? squares - products * products / points : squares;
            if (error < least) {
                least = error;
                best = points > 0 && products > 0 ? (float) (products / points) : scale;
                return true;
            }
            return false;
        }
    }
}
