package org.setun.quant.qat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.setun.kernels.QuantLevels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/**
 * How the scale of a group of values follows from them: each step for quantizers whose scale is not learned, and at the start for those whose scale
 * is. All results are positive; a group with a NaN or an infinity gets NaN.
 */
public enum ScaleRule {

    /** mean|v|: BitNet b1.58 (arXiv 2402.17764). */
    ABSMEAN {
        @Override
        double scale(QuantLevels levels, MemorySegment v, long first, long count) {
            return meanMagnitude(v, first, count);
        }
    },

    /** The median of |v|: the same without the pull of outliers. */
    ABSMEDIAN {
        @Override
        double scale(QuantLevels levels, MemorySegment v, long first, long count) {
            float[] magnitudes = new float[Math.toIntExact(count)];
            for (int i = 0; i < magnitudes.length; i++) {
                magnitudes[i] = Math.abs(v.getAtIndex(JAVA_FLOAT, first + i));
            }
            Arrays.sort(magnitudes);
            float last = magnitudes[magnitudes.length - 1]; // a NaN is sorted behind all
            return Float.isFinite(last)
                    ? (magnitudes[(magnitudes.length - 1) / 2] + magnitudes[magnitudes.length / 2]) / 2.0
                    : Double.NaN;
        }
    },

    /** The largest magnitude becomes the level of largest magnitude. */
    ABSMAX {
        @Override
        double scale(QuantLevels levels, MemorySegment v, long first, long count) {
            float outermost = Math.max(Math.abs(levels.level(levels.lowest())), Math.abs(levels.level(levels.highest())));
            return LARGEST.scale(levels, v, first, count) / outermost;
        }
    },

    /** The largest magnitude itself: the start of SEQ, whose levels lie within (-1, 1) (arXiv 2502.02631). */
    LARGEST {
        @Override
        double scale(QuantLevels levels, MemorySegment v, long first, long count) {
            double largest = 0;
            for (long i = first; i < first + count; i++) {
                largest = Math.max(largest, Math.abs(v.getAtIndex(JAVA_FLOAT, i)));
            }
            return largest;
        }
    },

    /** {@code 2 mean|v| / sqrt(highest level)}: the start of LSQ (arXiv 1902.08153). */
    LSQ {
        @Override
        double scale(QuantLevels levels, MemorySegment v, long first, long count) {
            return 2 * meanMagnitude(v, first, count) / Math.sqrt(Math.max(levels.level(levels.highest()), 1));
        }
    },

    /** {@code max(|mean - 3 deviation|, |mean + 3 deviation|)} becomes the level of largest magnitude: the start of LSQ+ (arXiv 2004.09576). */
    THREE_SIGMA {
        @Override
        double scale(QuantLevels levels, MemorySegment v, long first, long count) {
            double sum = 0;
            double squares = 0;
            for (long i = first; i < first + count; i++) {
                double value = v.getAtIndex(JAVA_FLOAT, i);
                sum += value;
                squares += value * value;
            }
            double mean = sum / count;
            double deviation = Math.sqrt(Math.max(squares / count - mean * mean, 0));
            float outermost = Math.max(Math.abs(levels.level(levels.lowest())), Math.abs(levels.level(levels.highest())));
            return (Math.abs(mean) + 3 * deviation) / outermost;
        }
    };

    /** The least scale that is given: groups of zeros have one, too. */
    public static final float LEAST = 1e-5f;

    abstract double scale(QuantLevels levels, MemorySegment v, long first, long count);

    /** The scale of {@code count} values from {@code first} on, at least {@link #LEAST}; NaN if one is not finite. */
    public float of(QuantLevels levels, MemorySegment v, long first, long count) {
        double scale = scale(levels, v, first, count);
        return Double.isFinite(scale) ? (float) Math.max(scale, LEAST) : Float.NaN;
    }

    private static double meanMagnitude(MemorySegment v, long first, long count) {
        double sum = 0;
        for (long i = first; i < first + count; i++) {
            sum += Math.abs(v.getAtIndex(JAVA_FLOAT, i));
        }
        return sum / count;
    }
}
