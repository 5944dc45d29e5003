package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;

/**
 * Sums in the one order that every backend uses (docs/numerics.md), so that their bits agree: chunks of 4096 values; in a chunk 16
 * lanes, lane j adding the values i with i % 16 = j in rising order from 0; the lanes, as doubles, reduced by halving; the chunk sums
 * combined in double by a pairwise tree, level by level, where an odd last sum moves up unchanged.
 */
final class FixedSums {

    private static final int CHUNK = 4096;
    private static final int LANES = 16;

    private FixedSums() {
    }

    /** Sum of |x[i]|, fp32 lanes. */
    static double absolute(MemorySegment x, long count) {
        return chunked(x, count, chunk -> {
            float[] lanes = new float[LANES];
            for (int i = 0; i < chunk.length; i++) {
                lanes[i % LANES] += Math.abs(chunk[i]);
            }
            return halve(widen(lanes));
        });
    }

    /** Sum of x[i], fp32 lanes. */
    static double plain(MemorySegment x, long count) {
        return chunked(x, count, chunk -> {
            float[] lanes = new float[LANES];
            for (int i = 0; i < chunk.length; i++) {
                lanes[i % LANES] += chunk[i];
            }
            return halve(widen(lanes));
        });
    }

    /** Sum of x[i]^2, fp64 lanes. A product of two floats is exact in double. */
    static double squares(MemorySegment x, long count) {
        return chunked(x, count, chunk -> {
            double[] lanes = new double[LANES];
            for (int i = 0; i < chunk.length; i++) {
                lanes[i % LANES] += (double) chunk[i] * chunk[i];
            }
            return halve(lanes);
        });
    }

    /** The same of an array. */
    static double squares(float[] x) {
        return squares(MemorySegment.ofArray(x), x.length);
    }

    /** Sum of a[i] * b[i], fp64 lanes. */
    static double products(float[] a, float[] b) {
        return chunked(a.length, (first, count) -> {
            double[] lanes = new double[LANES];
            for (int i = 0; i < count; i++) {
                lanes[i % LANES] += (double) a[first + i] * b[first + i];
            }
            return halve(lanes);
        });
    }

    /** Sum of x[i], fp64 lanes. */
    static double wide(float[] x) {
        return chunked(x.length, (first, count) -> {
            double[] lanes = new double[LANES];
            for (int i = 0; i < count; i++) {
                lanes[i % LANES] += x[first + i];
            }
            return halve(lanes);
        });
    }

    private interface RangeSum {
        double of(int first, int count);
    }

    private static double chunked(int count, RangeSum sum) {
        double[] sums = new double[Math.ceilDiv(count, CHUNK)];
        for (int c = 0; c < sums.length; c++) {
            sums[c] = sum.of(c * CHUNK, Math.min(CHUNK, count - c * CHUNK));
        }
        return tree(sums);
    }

    private interface ChunkSum {
        double of(float[] chunk);
    }

    private static double chunked(MemorySegment x, long count, ChunkSum sum) {
        double[] sums = new double[Math.toIntExact(Math.ceilDiv(count, CHUNK))];
        for (int c = 0; c < sums.length; c++) {
            long first = (long) c * CHUNK;
            sums[c] = sum.of(Segments.floats(x, first, Math.min(CHUNK, count - first)));
        }
        return tree(sums);
    }

    private static double[] widen(float[] lanes) {
        double[] wide = new double[LANES];
        for (int j = 0; j < LANES; j++) {
            wide[j] = lanes[j];
        }
        return wide;
    }

    private static double halve(double[] lanes) {
        for (int half = LANES / 2; half > 0; half /= 2) {
            for (int j = 0; j < half; j++) {
                lanes[j] += lanes[j + half];
            }
        }
        return lanes[0];
    }

    private static double tree(double[] sums) {
        int n = sums.length;
        if (n == 0) {
            return 0;
        }
        while (n > 1) {
            for (int i = 0; i < n / 2; i++) {
                sums[i] = sums[2 * i] + sums[2 * i + 1];
            }
            if (n % 2 == 1) {
                sums[n / 2] = sums[n - 1];
            }
            n = (n + 1) / 2;
        }
        return sums[0];
    }
}
