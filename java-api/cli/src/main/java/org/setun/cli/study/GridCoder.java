package org.setun.cli.study;

import java.util.Arrays;

/** Rounds values to a {@link Grid}, block by block. Not free-threaded. */
final class GridCoder {

    private final Grid grid;
    private final float[] levels;
    private final float[] thresholds;
    private final float outermost;

    GridCoder(Grid grid) {
        this.grid = grid;
        levels = new float[grid.levels().length];
        thresholds = new float[levels.length - 1];
        for (int i = 0; i < levels.length; i++) {
            levels[i] = (float) grid.levels()[i];
        }
        for (int i = 0; i < thresholds.length; i++) {
            thresholds[i] = (levels[i] + levels[i + 1]) / 2;
        }
        outermost = Math.max(-levels[0], levels[levels.length - 1]);
    }

    /** What {@code values} become; the last block may be shorter. */
    float[] round(float[] values) {
        float[] rounded = new float[values.length];
        for (int from = 0; from < values.length; from += Grid.BLOCK) {
            int to = Math.min(from + Grid.BLOCK, values.length);
            float step = step(values, from, to);
            for (int i = from; i < to; i++) {
                rounded[i] = step == 0 ? 0 : step * levels[code(values[i] / step)];
            }
        }
        return rounded;
    }

    /** The step of every block. */
    float[] steps(float[] values) {
        float[] steps = new float[(values.length + Grid.BLOCK - 1) / Grid.BLOCK];
        for (int block = 0; block < steps.length; block++) {
            int from = block * Grid.BLOCK;
            steps[block] = step(values, from, Math.min(from + Grid.BLOCK, values.length));
        }
        return steps;
    }

    private int code(float scaled) {
        int code = 0;
        for (float threshold : thresholds) {
            code += scaled > threshold ? 1 : 0;
        }
        return code;
    }

    /** The f16 step for {@code values[from .. to - 1]}; 0 if they are all 0. */
    private float step(float[] values, int from, int to) {
        float largest = 0;
        for (int i = from; i < to; i++) {
            largest = Math.max(largest, Math.abs(values[i]));
        }
        if (largest == 0) {
            return 0;
        }
        return switch (grid.rule()) {
            case ABSMAX -> half(largest / ((1 << grid.bits() - 1) - 0.5));
            case SEARCH -> best(values, from, to, trials(largest / outermost));
        };
    }

    /** Down from a twelfth of an octave above the step that puts the outermost level on the largest magnitude; then the same negated. */
    private double[] trials(double full) {
        double[] trials = new double[grid.symmetric() ? Grid.MAGNITUDES : 2 * Grid.MAGNITUDES];
        for (int i = 0; i < trials.length; i++) {
            double magnitude = full * Math.pow(2, (1 - i % Grid.MAGNITUDES) / 12.0);
            trials[i] = i < Grid.MAGNITUDES ? magnitude : -magnitude;
        }
        return trials;
    }

    private float best(float[] values, int from, int to, double[] trials) {
        float best = 0;
        double least = Double.POSITIVE_INFINITY;
        for (double trial : trials) {
            float step = half(trial);
            if (step != 0) {
                double error = error(values, from, to, step);
                if (error < least) {
                    least = error;
                    best = step;
                }
            }
        }
        return best;
    }

    private double error(float[] values, int from, int to, float step) {
        float inverse = 1 / step;
        double sum = 0;
        for (int i = from; i < to; i++) {
            float error = values[i] - step * levels[code(values[i] * inverse)];
            sum += error * error;
        }
        return sum;
    }

    private static float half(double value) {
        return Float.float16ToFloat(Float.floatToFloat16((float) value));
    }

    /**
     * A grid whose levels fit {@code values}, by Lloyd's iteration with the searched steps (S. Lloyd, Least squares quantization in PCM, 1957):
     * what the best scalar code of this size could reach.
     *
     * @param start the first guess
     */
    static Grid lloydMax(String name, float[] values, Grid start, int iterations) {
        Grid grid = start.named(name);
        for (int iteration = 0; iteration < iterations; iteration++) {
            GridCoder coder = new GridCoder(grid);
            float[] steps = coder.steps(values);
            double[] sums = new double[coder.levels.length];
            double[] weights = new double[coder.levels.length];
            for (int i = 0; i < values.length; i++) {
                float step = steps[i / Grid.BLOCK];
                if (step != 0) {
                    int code = coder.code(values[i] / step);
                    // The error in units of the values is step times the error in units of levels, so its square weighs step^2.
                    sums[code] += (double) values[i] * step;
                    weights[code] += (double) step * step;
                }
            }
            double[] levels = grid.levels().clone();
            for (int code = 0; code < levels.length; code++) {
                levels[code] = weights[code] > 0 ? sums[code] / weights[code] : levels[code];
            }
            Arrays.sort(levels);
            grid = new Grid(name, levels, Grid.StepRule.SEARCH);
        }
        return grid;
    }
}
