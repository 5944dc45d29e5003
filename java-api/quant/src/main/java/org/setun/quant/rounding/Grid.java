package org.setun.quant.rounding;

/** The points that values are rounded to at scale 1: integers, a codebook, a lattice. */
public interface Grid {

    /** Values that are rounded together. */
    default int dimension() {
        return 1;
    }

    /** The largest magnitude of a value of a point. */
    float most();

    /** Points of one sign, which the histogram of the entropy search is folded to; for a scalar grid the positive levels. */
    int levels();

    /**
     * The point nearest to the {@code dimension()} values {@code x[from] * inverse} and on, into {@code point} from index {@code to}.
     *
     * @param inverse 1 / scale
     */
    void nearest(float[] x, int from, float inverse, float[] point, int to);

    /** The integers −{@code most} to {@code most}. */
    static Grid integers(int most) {
        if (most < 1) {
            throw new IllegalArgumentException("most = " + most + " must be at least 1");
        }
        return new Grid() {
            @Override
            public float most() {
                return most;
            }

            @Override
            public int levels() {
                return most;
            }

            @Override
            public void nearest(float[] x, int from, float inverse, float[] point, int to) {
                point[to] = (float) Math.max(-most, Math.min(most, Math.rint(x[from] * inverse)));
            }
        };
    }
}
