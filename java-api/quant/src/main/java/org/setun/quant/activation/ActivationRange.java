package org.setun.quant.activation;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.nn.Parameter;
import org.setun.nn.Shape;
import org.setun.nn.Tensor;
import org.setun.quant.calibration.LogHistogram;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/**
 * Running statistics of the input of a layer: smallest and largest value, largest magnitude, a percentile of the magnitudes, mean and deviation.
 *
 * <p>What is {@linkplain #observe observed} in a step counts only when the step is {@linkplain #commit committed}, so that a step which fails or is begun
 * anew leaves no trace. Committed steps gather in a window of some samples, of which extremes are the extremes and all else is the mean over the steps;
 * a full window moves the running values towards its own by a share. Values and window are in one {@linkplain #state tensor}, for checkpoints. One thread.
 */
public final class ActivationRange {

    /** Values of {@link #state}. */
    public static final int SIZE = 16;

    private static final int WINDOWS = 0; // how many were taken
    private static final int LEAST = 1;
    private static final int MOST = 2;
    private static final int LARGEST = 3;
    private static final int PERCENTILE = 4;
    private static final int MEAN = 5;
    private static final int SQUARE = 6;
    private static final int WINDOW = 8; // where the same of the open window begin, the percentile and what follows as sums over its steps
    private static final int WINDOW_STEPS = WINDOW;
    private static final int WINDOW_SAMPLES = WINDOW + 7;
    private static final long MOST_COUNTED = 1 << 17; // values of a pass whose magnitudes are counted, about

    private final Parameter state;
    private final double percentile;
    private @Nullable LogHistogram magnitudes;
    private final float[] extremes = {Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY};
    private double sum;
    private double squares;
    private long count;

    /**
     * Statistics in {@code state}.
     *
     * @param state      F32[{@value #SIZE}], zeros if nothing was observed yet
     * @param percentile share of the magnitudes that are below the percentile, above 0, at most 1; 0: none is kept
     */
    public ActivationRange(Parameter state, double percentile) {
        if (!state.shape().equals(Shape.of(SIZE)) || !(percentile >= 0 && percentile <= 1)) {
            throw new IllegalArgumentException(
                    "state = " + state + " must have " + SIZE + " values, percentile = " + percentile + " be in [0, 1]");
        }
        this.state = state;
        this.percentile = percentile;
    }

    /** What a checkpoint keeps. */
    public Parameter state() {
        return state;
    }

    /** Forgets what was observed since the last commit. */
    public void restart() {
        extremes[0] = Float.POSITIVE_INFINITY;
        extremes[1] = Float.NEGATIVE_INFINITY;
        sum = 0;
        squares = 0;
        count = 0;
        magnitudes = null;
    }

    /** Adds the values of {@code x}; of the percentile, rows spread over all of it, if there are many. */
    public void observe(Tensor x) {
        if (x.size() == 0) {
            return;
        }
        Values values = Values.of(x.segment(), 0, x.size(), true);
        extremes[0] = Math.min(extremes[0], values.least);
        extremes[1] = Math.max(extremes[1], values.most);
        sum += values.sum;
        squares += values.squares;
        count += x.size();
        if (percentile > 0 && Double.isFinite(values.squares)) {
            count(x);
        }
    }

    private void count(Tensor x) {
        LogHistogram histogram = magnitudes == null ? new LogHistogram() : magnitudes;
        magnitudes = histogram;
        int columns = Math.toIntExact(x.columns());
        float[] row = new float[columns];
        long step = Math.max(1, x.size() / MOST_COUNTED);
        for (long i = 0; i < x.rows(); i += step) {
            MemorySegment.copy(x.segment(), JAVA_FLOAT, i * columns * Float.BYTES, row, 0, columns);
            histogram.add(row, 0, columns);
        }
    }

    /**
     * Ends a step that went well.
     *
     * @param samples of the step
     * @param wanted  samples of a full window
     * @param share   by which a full window moves the running values, above 0; the first window sets them
     * @return true if the window became full and the running values changed
     */
    public boolean commit(long samples, long wanted, float share) {
        boolean counts = count > 0 && Double.isFinite(squares);
        if (counts) {
            boolean empty = get(WINDOW_STEPS) == 0;
            set(WINDOW + LEAST, empty ? extremes[0] : Math.min(get(WINDOW + LEAST), extremes[0]));
            set(WINDOW + MOST, empty ? extremes[1] : Math.max(get(WINDOW + MOST), extremes[1]));
            float part = magnitudes == null ? 0 : (float) magnitudes.magnitudeQuantile(percentile);
            set(WINDOW + PERCENTILE, (empty ? 0 : get(WINDOW + PERCENTILE)) + part);
            set(WINDOW + MEAN, (empty ? 0 : get(WINDOW + MEAN)) + (float) (sum / count));
            set(WINDOW + SQUARE, (empty ? 0 : get(WINDOW + SQUARE)) + (float) (squares / count));
            set(WINDOW_STEPS, get(WINDOW_STEPS) + 1);
            set(WINDOW_SAMPLES, get(WINDOW_SAMPLES) + samples);
        }
        restart();
        boolean full = counts && get(WINDOW_SAMPLES) >= wanted;
        if (full) {
            take(get(WINDOWS) == 0 ? 1 : share);
        }
        state.markChanged();
        return full;
    }

    private void take(float share) {
        float steps = get(WINDOW_STEPS);
        float largest = Math.max(-get(WINDOW + LEAST), get(WINDOW + MOST));
        move(LEAST, get(WINDOW + LEAST), share);
        move(MOST, get(WINDOW + MOST), share);
        move(LARGEST, largest, share);
        move(PERCENTILE, get(WINDOW + PERCENTILE) / steps, share);
        move(MEAN, get(WINDOW + MEAN) / steps, share);
        move(SQUARE, get(WINDOW + SQUARE) / steps, share);
        set(WINDOWS, get(WINDOWS) + 1);
        for (int i = WINDOW; i < SIZE; i++) {
            set(i, 0);
        }
    }

    private void move(int index, float to, float share) {
        float from = get(index);
        set(index, share == 1 ? to : from + share * (to - from));
    }

    /** Whether a window was begun and is not full yet. */
    public boolean isGathering() {
        return get(WINDOW_STEPS) > 0;
    }

    /** Full windows so far; without one the other values are 0. */
    public long windows() {
        return (long) get(WINDOWS);
    }

    /** Running smallest value. */
    public float min() {
        return get(LEAST);
    }

    /** Running largest value. */
    public float max() {
        return get(MOST);
    }

    /** Running largest magnitude. */
    public float absmax() {
        return get(LARGEST);
    }

    /** Running percentile of the magnitudes. */
    public float percentile() {
        return get(PERCENTILE);
    }

    public float mean() {
        return get(MEAN);
    }

    public float deviation() {
        return (float) Math.sqrt(Math.max(0, get(SQUARE) - (double) get(MEAN) * get(MEAN)));
    }

    private float get(int index) {
        return state.value().segment().getAtIndex(JAVA_FLOAT, index);
    }

    private void set(int index, float value) {
        state.value().segment().setAtIndex(JAVA_FLOAT, index, value);
    }
}
