package org.setun.quant.activation;

/**
 * What of the running statistics of an activation is the range that the levels cover.
 *
 * @param kind       of range
 * @param percentile share of the magnitudes inside, for {@link Kind#PERCENTILE}
 * @param deviations on either side of the mean, for {@link Kind#DEVIATION}
 */
public record RangeSource(Kind kind, double percentile, double deviations) {

    /** Kinds of ranges. */
    public enum Kind {
        /** From the smallest to the largest value. */
        EXTREMES,
        /** The magnitudes of a share of the values. */
        PERCENTILE,
        /** Some deviations around the mean: the adaptive estimator. */
        DEVIATION
    }

    public RangeSource {
        if (!(percentile > 0 && percentile <= 1) || !(deviations > 0) || Double.isInfinite(deviations)) {
            throw new IllegalArgumentException(
                    "percentile = " + percentile + " must be in (0, 1], deviations = " + deviations + " above 0 and finite");
        }
    }

    /** From the smallest to the largest value. */
    public static RangeSource extremes() {
        return new RangeSource(Kind.EXTREMES, 1, 1);
    }

    /** The magnitudes of a share of the values. */
    public static RangeSource percentile(double share) {
        return new RangeSource(Kind.PERCENTILE, share, 1);
    }

    /** Some deviations around the mean. */
    public static RangeSource deviation(double count) {
        return new RangeSource(Kind.DEVIATION, 1, count);
    }

    /** Sets {@code into} to the ends of the range, which lie within what was observed. */
    void set(ActivationRange range, float[] into) {
        into[0] = range.min();
        into[1] = range.max();
        if (kind == Kind.PERCENTILE) {
            into[0] = Math.max(into[0], -range.percentile());
            into[1] = Math.min(into[1], range.percentile());
        } else if (kind == Kind.DEVIATION) {
            double reach = deviations * range.deviation();
            into[0] = Math.max(into[0], (float) (range.mean() - reach));
            into[1] = Math.min(into[1], (float) (range.mean() + reach));
        }
    }

    /** The percentile that must be kept; 0 for none. */
    double tracked() {
        return kind == Kind.PERCENTILE ? percentile : 0;
    }
}
