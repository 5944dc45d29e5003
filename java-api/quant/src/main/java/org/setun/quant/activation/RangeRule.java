package org.setun.quant.activation;

import java.lang.foreign.MemorySegment;
import org.setun.kernels.QuantLevels;

/** How scale and zero point of a group of activations follow from its values. A group with a NaN or an infinity gets the scale NaN. */
public enum RangeRule {

    /** The largest magnitude becomes the level of largest magnitude. */
    ABSMAX {
        @Override
        void set(QuantLevels levels, MemorySegment x, long first, long count, float[] into) {
            extremes(x, first, count, into);
            fromExtremes(levels, into[0], into[1], false, into);
        }
    },

    /**
     * The smallest and the largest value become the outermost levels; 0 is one of them, so that what is not there costs nothing. The offset is a whole
     * number of steps, the zero point.
     */
    MIN_MAX {
        @Override
        void set(QuantLevels levels, MemorySegment x, long first, long count, float[] into) {
            extremes(x, first, count, into);
            fromExtremes(levels, into[0], into[1], true, into);
        }
    },

    /** {@code mean|x| / sqrt(highest level)}: the 4-bit activations of BitNet a4.8 (arXiv 2411.04965), whose outliers are clipped. */
    ABSMEAN {
        @Override
        void set(QuantLevels levels, MemorySegment x, long first, long count, float[] into) {
            double mean = Values.of(x, first, count, true).magnitudes / count;
            into[0] = Double.isFinite(mean) ? (float) (Math.max(mean, LEAST) / Math.sqrt(levels.level(levels.highest()))) : Float.NaN;
            into[1] = 0;
        }
    };

    /** The least range: rows of zeros have a scale, too. */
    static final float LEAST = 1e-5f;

    /** Sets {@code into[0]} to the scale and {@code into[1]} to the offset of {@code count} values from {@code first} on, at least one. */
    abstract void set(QuantLevels levels, MemorySegment x, long first, long count, float[] into);

    /** Whether there are offsets. */
    public boolean hasOffset() {
        return this == MIN_MAX;
    }

    /** Smallest and largest value; NaN if one is not finite. */
    static void extremes(MemorySegment x, long first, long count, float[] into) {
        Values values = Values.of(x, first, count, false);
        into[0] = values.least;
        into[1] = values.most;
    }

    /** The scale and the offset with which {@code least} and {@code most} are the outermost levels, or just fit if there is no zero point. */
    static void fromExtremes(QuantLevels levels, float least, float most, boolean zeroPoint, float[] into) {
        float low = levels.level(levels.lowest());
        float high = levels.level(levels.highest());
        if (!Float.isFinite(least) || !Float.isFinite(most)) {
            into[0] = Float.NaN;
            into[1] = 0;
        } else if (zeroPoint) {
            double bottom = Math.min(least, 0);
            double scale = Math.max(Math.max(most, 0) - bottom, LEAST) / ((double) high - low);
            double zero = Math.clamp(Math.rint(low - bottom / scale), low, high);
            into[0] = (float) scale;
            into[1] = (float) -zero * into[0];
        } else {
            double outermost = low >= 0 ? high : Math.max(-low, high); // levels that are never negative hold what is positive
            into[0] = (float) (Math.max(low >= 0 ? most : Math.max(-least, most), LEAST) / outermost);
            into[1] = 0;
        }
    }
}
