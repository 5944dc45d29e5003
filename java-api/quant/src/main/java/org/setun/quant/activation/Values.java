package org.setun.quant.activation;

import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/** Extremes and sums of some fp32 values in one pass. Sums run in four lanes, so that no addition waits for the one before. */
final class Values {

    private static final int PIECE = 4096;
    private static final int EXPONENT = 0x7f80_0000;
    private static final int LANES = 4;

    /** Smallest and largest value; NaN if one is not finite. */
    final float least;
    final float most;
    /** Sums of the values, of their magnitudes and of their squares, not finite if a value is not; 0 if they were not asked for. */
    final double sum;
    final double magnitudes;
    final double squares;

    private Values(float least, float most, double sum, double magnitudes, double squares) {
        this.least = least;
        this.most = most;
        this.sum = sum;
        this.magnitudes = magnitudes;
        this.squares = squares;
    }

    /** Of {@code count} values from {@code first} on, at least one. */
    static Values of(MemorySegment x, long first, long count, boolean withSums) {
        float[] piece = new float[(int) Math.min(PIECE, count)];
        float least = Float.POSITIVE_INFINITY;
        float most = Float.NEGATIVE_INFINITY;
        boolean finite = true;
        double[] sums = new double[LANES];
        double[] magnitudes = new double[LANES];
        double[] squares = new double[LANES];
        for (long done = 0; done < count; done += PIECE) {
            int length = (int) Math.min(PIECE, count - done);
            MemorySegment.copy(x, JAVA_FLOAT, (first + done) * Float.BYTES, piece, 0, length);
            for (int i = 0; i < length; i++) {
                float value = piece[i];
                least = value < least ? value : least; // a NaN is never less
                most = value > most ? value : most;
                finite &= (Float.floatToRawIntBits(value) & EXPONENT) != EXPONENT;
            }
            if (withSums) {
                add(piece, length, sums, magnitudes, squares);
            }
        }
        return new Values(finite ? least : Float.NaN, finite ? most : Float.NaN, total(sums), total(magnitudes), total(squares));
    }

    private static void add(float[] values, int length, double[] sums, double[] magnitudes, double[] squares) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        double m0 = 0;
        double m1 = 0;
        double m2 = 0;
        double m3 = 0;
        double q0 = 0;
        double q1 = 0;
        double q2 = 0;
        double q3 = 0;
        int i = 0;
        for (; i + LANES <= length; i += LANES) {
            double a = values[i];
            double b = values[i + 1];
            double c = values[i + 2];
            double d = values[i + 3];
            s0 += a;
            s1 += b;
            s2 += c;
            s3 += d;
            m0 += Math.abs(a);
            m1 += Math.abs(b);
            m2 += Math.abs(c);
            m3 += Math.abs(d);
            q0 += a * a;
            q1 += b * b;
            q2 += c * c;
            q3 += d * d;
        }
        for (; i < length; i++) {
            double a = values[i];
            s0 += a;
            m0 += Math.abs(a);
            q0 += a * a;
        }
        collect(sums, s0, s1, s2, s3);
        collect(magnitudes, m0, m1, m2, m3);
        collect(squares, q0, q1, q2, q3);
    }

    private static void collect(double[] lanes, double a, double b, double c, double d) {
        lanes[0] += a;
        lanes[1] += b;
        lanes[2] += c;
        lanes[3] += d;
    }

    private static double total(double[] lanes) {
        return lanes[0] + lanes[1] + (lanes[2] + lanes[3]);
    }
}
