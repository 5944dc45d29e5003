package org.setun.quant.calibration;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A sketch of a distribution in fixed memory: counts of values by sign and magnitude, {@value #PER_OCTAVE} bins for each doubling from 2^-30 to
 * 2^18; what is smaller counts as 0, what is larger goes to the last bin. A quantile of it is off by less than {@code 1 / PER_OCTAVE} of its
 * value. Sums of counts, so the order of values and the cuts between calls do not matter. Not thread-safe.
 */
public final class LogHistogram {

    /** Bins per doubling of the magnitude. */
    public static final int PER_OCTAVE = 32;

    private static final int MANTISSA_SHIFT = 23 - Integer.numberOfTrailingZeros(PER_OCTAVE);
    private static final int LEAST = Float.floatToRawIntBits(0x1p-30f) >>> MANTISSA_SHIFT;
    private static final int SIDE = 48 * PER_OCTAVE;

    /** Length of {@link #counts()}. */
    public static final int BINS = 2 * SIDE + 1;

    private final long[] counts; // negative values, largest magnitude first; zero; positive values, smallest first
    private long total;

    /** An empty histogram. */
    public LogHistogram() {
        counts = new long[BINS];
    }

    /**
     * A histogram with these {@link #counts()}.
     *
     * @throws IllegalArgumentException if there are not {@value #BINS}, one is negative, or their sum exceeds 2^63 - 1
     */
    public LogHistogram(long[] counts) {
        if (counts.length != BINS) {
            throw new IllegalArgumentException("counts has " + counts.length + " bins, must have " + BINS);
        }
        this.counts = counts.clone();
        for (int i = 0; i < BINS; i++) {
            if (counts[i] < 0 || counts[i] > Long.MAX_VALUE - total) {
                throw new IllegalArgumentException(
                        "counts[" + i + "] = " + counts[i] + " must not be negative, nor the sum beyond 2^63 - 1");
            }
            total += counts[i];
        }
    }

    /** Counts {@code count} finite values from index {@code from}. */
    public void add(float[] values, int from, int count) {
        for (int i = from; i < from + count; i++) {
            int bits = Float.floatToRawIntBits(values[i]);
            int bin = Math.min(((bits & 0x7fff_ffff) >>> MANTISSA_SHIFT) - LEAST, SIDE - 1) + 1;
            counts[SIDE + (bin <= 0 ? 0 : bits < 0 ? -bin : bin)]++;
        }
        total += count;
    }

    /** Values counted. */
    public long total() {
        return total;
    }

    /** The bins themselves, to be saved and restored; {@link #recount} follows. */
    MemorySegment state() {
        return MemorySegment.ofArray(counts);
    }

    void recount() {
        total = Arrays.stream(counts).sum();
    }

    /** The bins, from the most negative to the largest value. */
    public long[] counts() {
        return counts.clone();
    }

    /** The value below which a share {@code p} of all values lie, 0 to 1; NaN if there are none. */
    public double quantile(double p) {
        return quantile(p, counts, -SIDE);
    }

    /** The magnitude below which a share {@code p} of all magnitudes lie, 0 to 1; NaN if there are none. */
    public double magnitudeQuantile(double p) {
        long[] folded = Arrays.copyOfRange(counts, SIDE, BINS);
        for (int i = 1; i <= SIDE; i++) {
            folded[i] += counts[SIDE - i];
        }
        return quantile(p, folded, 0);
    }

    private double quantile(double p, long[] bins, int first) {
        if (!(p >= 0 && p <= 1)) {
            throw new IllegalArgumentException("p = " + p + " must be in [0, 1]");
        }
        double rank = p * total;
        double below = 0;
        int last = -1;
        for (int i = 0; i < bins.length; i++) {
            if (bins[i] > 0) {
                last = i;
                if (below + bins[i] >= rank) {
                    return between(first + i, (rank - below) / bins[i]);
                }
                below += bins[i];
            }
        }
        return last < 0 ? Double.NaN : between(first + last, 1);
    }

    /** The value at a share of a bin, by its number: 0 is the bin of zero. */
    private static double between(int bin, double share) {
        if (bin == 0) {
            return 0;
        }
        double low = edge(Math.abs(bin) - 1);
        double high = edge(Math.abs(bin));
        return bin > 0 ? low + share * (high - low) : -(high + share * (low - high));
    }

    private static double edge(int index) {
        return Float.intBitsToFloat(index + LEAST << MANTISSA_SHIFT);
    }
}
