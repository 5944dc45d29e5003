package org.setun.quant.blocks;

/**
 * Fits of values to an even grid of codes by weighted least squares. Rounding is a step function, so the error has many minima over the
 * step: a search tries steps around the one that spans the values, takes for each the least-squares grid of its codes, and then alternates
 * rounding and least squares from the best. Results are in the fields, until the next call.
 */
final class GridSearch {

    /**
     * The share of the energy below which an error is that of half-precision scales alone: the values lie on a grid (ternary, constant, an
     * outlier among zeros), and which halves come nearest is worth a longer search.
     */
    static final double EXACT = 1e-6;

    private static final int ALTERNATIONS = 3;
    private static final double ROUNDING = 1e-12;

    private final double least;
    private final double most;
    /** Candidates: so many steps that the largest value, or the whole range, spans. */
    private final double[] spans;

    /** The grid found: a code q stands for {@code step * q - offset}. */
    double step;
    double offset;
    /** Whether the values lie on the grid, but for rounding. */
    boolean exact;

    /** Sums over a group of the weight times q, q², x·q, where q is the code of x on the grid last summed over. */
    double sumQ;
    double sumQq;
    double sumXq;

    GridSearch(int least, int most, double firstSpan, double lastSpan, int candidates) {
        this.least = least;
        this.most = most;
        this.spans = new double[candidates];
        for (int i = 0; i < candidates; i++) {
            spans[i] = firstSpan + (lastSpan - firstSpan) * i / Math.max(1, candidates - 1);
        }
    }

    /**
     * The best grid through zero; its step is negative where the longer arm of the codes belongs to the positive values.
     *
     * @param coarsest if the values lie on a grid, whether to give the one with the fewest steps, a power of two, instead of any
     */
    void symmetric(double[] x, double[] w, int from, int count, boolean coarsest) {
        step = 0;
        offset = 0;
        double largest = 0;
        double energy = 0;
        for (int i = from; i < from + count; i++) {
            largest = Math.max(largest, Math.abs(x[i]));
            energy += w[i] * x[i] * x[i];
        }
        exact = largest == 0;
        if (exact) {
            return;
        }
        double best = 0;
        for (int sign = -least == most ? 1 : -1; sign <= 1; sign += 2) {
            for (double span : spans) {
                best = keepSymmetric(x, w, from, count, sign * span / largest, best);
            }
        }
        for (int i = 0; i < ALTERNATIONS && step != 0; i++) {
            double before = best;
            best = keepSymmetric(x, w, from, count, 1 / step, best);
            if (best == before) {
                break;
            }
        }
        exact = best > (1 - ROUNDING) * energy;
        for (int span = 1; coarsest && exact && span < -least; span *= 2) {
            double found = step;
            if (keepSymmetric(x, w, from, count, span / largest, 0) > (1 - ROUNDING) * energy) {
                break;
            }
            step = found;
        }
    }

    /** Least squares for the codes of one step; the squared error it removes is (Σwxq)² / Σwq². */
    private double keepSymmetric(double[] x, double[] w, int from, int count, double inverse, double best) {
        sum(x, w, from, count, inverse, 0);
        double gain = sumQq > 0 ? sumXq * sumXq / sumQq : 0;
        if (gain > best) {
            step = sumXq / sumQq;
            return gain;
        }
        return best;
    }

    /** The best grid with an offset of its own, not below zero unless {@code free}; {@code coarsest} as above. */
    void affine(double[] x, double[] w, int from, int count, boolean free, boolean coarsest) {
        double lowest = free ? Double.POSITIVE_INFINITY : 0;
        double highest = free ? Double.NEGATIVE_INFINITY : 0;
        double sumW = 0;
        double sumX = 0;
        double energy = 0;
        for (int i = from; i < from + count; i++) {
            energy += w[i] * x[i] * x[i];
            lowest = Math.min(lowest, x[i]);
            highest = Math.max(highest, x[i]);
            sumW += w[i];
            sumX += w[i] * x[i];
        }
        step = 0;
        offset = free ? -sumX / sumW : Math.max(0, -sumX / sumW);
        exact = highest == lowest;
        if (exact) {
            return;
        }
        double best = offset * (-2 * sumX - offset * sumW);
        for (double span : spans) {
            best = keepAffine(x, w, from, count, span / (highest - lowest), -lowest, sumW, sumX, free, best);
        }
        for (int i = 0; i < ALTERNATIONS && step > 0; i++) {
            double before = best;
            best = keepAffine(x, w, from, count, 1 / step, offset, sumW, sumX, free, best);
            if (best == before) {
                break;
            }
        }
        exact = best > (1 - ROUNDING) * energy;
        for (int span = 1; coarsest && exact && span < most; span *= 2) {
            double foundStep = step;
            double foundOffset = offset;
            if (keepAffine(x, w, from, count, span / (highest - lowest), -lowest, sumW, sumX, free, 0) > (1 - ROUNDING) * energy) {
                break;
            }
            step = foundStep;
            offset = foundOffset;
        }
    }

    /** Least squares of x ≈ s q − m for the codes of one grid; what it removes of the squared error is 2sΣwxq − 2mΣwx − Σw(sq − m)². */
    private double keepAffine(double[] x, double[] w, int from, int count, double inverse, double shift, double sumW, double sumX,
            boolean free, double best) {
        sum(x, w, from, count, inverse, shift);
        double determinant = sumW * sumQq - sumQ * sumQ;
        boolean several = determinant > ROUNDING * sumW * sumQq; // codes that differ
        if (!several && (free || sumQq == 0)) {
            return best;
        }
        double s = several ? (sumW * sumXq - sumQ * sumX) / determinant : 0;
        double m = several ? (sumQ * sumXq - sumQq * sumX) / determinant : -1;
        if (m < 0 && !free) {
            s = sumXq / sumQq;
            m = 0;
        }
        double gain = s * (2 * sumXq - s * sumQq + 2 * m * sumQ) - m * (2 * sumX + m * sumW);
        if (gain > best && s > 0) {
            step = s;
            offset = m;
            return gain;
        }
        return best;
    }

    /** Sums over the codes q = round((x + shift) · inverse). Two sums of each kind, because one would wait for its own additions. */
    void sum(double[] x, double[] w, int from, int count, double inverse, double shift) {
        double evenQ = 0;
        double evenQq = 0;
        double evenXq = 0;
        double oddQ = 0;
        double oddQq = 0;
        double oddXq = 0;
        for (int i = from; i < from + count; i += 2) {
            double q = code((x[i] + shift) * inverse);
            double wq = w[i] * q;
            evenQ += wq;
            evenQq += wq * q;
            evenXq += wq * x[i];
            q = code((x[i + 1] + shift) * inverse);
            wq = w[i + 1] * q;
            oddQ += wq;
            oddQq += wq * q;
            oddXq += wq * x[i + 1];
        }
        sumQ = evenQ + oddQ;
        sumQq = evenQq + oddQq;
        sumXq = evenXq + oddXq;
    }

    /** The weighted square error of rounding to a grid. */
    double error(double[] x, double[] w, int from, int count, double step, double offset) {
        double inverse = step == 0 ? 0 : 1 / step;
        double even = 0;
        double odd = 0;
        for (int i = from; i < from + count; i += 2) {
            double difference = x[i] + offset - step * code((x[i] + offset) * inverse);
            even += w[i] * difference * difference;
            difference = x[i + 1] + offset - step * code((x[i + 1] + offset) * inverse);
            odd += w[i + 1] * difference * difference;
        }
        return even + odd;
    }

    private double code(double position) {
        double q = Math.rint(position);
        return q > most ? most : q < least ? least : q;
    }
}
