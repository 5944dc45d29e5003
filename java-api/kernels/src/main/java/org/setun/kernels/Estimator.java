package org.setun.kernels;

import java.util.List;
import java.util.stream.IntStream;

/**
 * What gradient passes back through a rounding whose own derivative is zero almost everywhere, and what smooth function stands in its place, if
 * any. With the scale s, {@code z = v / s}, {@code u} the same in codes, and {@code e} the distance from the rounded value in codes. Formulas and
 * gradients of scale and offset: {@code setun/fakequant.h}.
 *
 * <p>Hard estimators put the nearest level in a value's place. Smooth ones put a smooth function there, with its own derivative; {@code hard} keeps
 * the level in the forward pass.
 */
public sealed interface Estimator {

    /** The gradient passes unchanged (arXiv 1308.3432). */
    record Identity() implements Estimator {
    }

    /**
     * The gradient passes between the outermost levels, the ends included (arXiv 1602.02830).
     *
     * @param limit > 0: where {@code |z| <= limit} instead; 0: none
     */
    record Clipped(float limit) implements Estimator {
        public Clipped {
            require(limit >= 0, "limit", limit, "at least 0");
        }
    }

    /**
     * The gradient passes where {@code |v| <= bound}.
     *
     * @param bound in units of the value, > 0
     */
    record ClippedValue(float bound) implements Estimator {
        public ClippedValue {
            require(bound > 0, "bound", bound, "above 0");
        }

        @Override
        public float limit() {
            return bound;
        }
    }

    /**
     * Learned step size (arXiv 1902.08153): the gradient passes strictly between the outermost levels. With an offset it is LSQ+
     * (arXiv 2004.09576); with {@link QuantLevels#stretched2Bit()} or {@link QuantLevels#stretchedTernary()} and a limit of 0.99 it is SEQ
     * (arXiv 2502.02631).
     *
     * @param limit > 0: where {@code |z| <= limit} instead; 0: none
     */
    record Lsq(float limit) implements Estimator {
        public Lsq {
            require(limit >= 0, "limit", limit, "at least 0");
        }
    }

    /** Learned clipping value (arXiv 1805.06085): the scale's gradient comes from beyond the outermost levels alone. */
    record Pact() implements Estimator {
    }

    /**
     * Element-wise gradient scaling (arXiv 2104.00903): {@code g (1 + delta sign(g) e)}: more where a descent must still cross a boundary.
     *
     * @param delta at least 0
     */
    record Ewgs(float delta) implements Estimator {
        public Ewgs {
            require(delta >= 0, "delta", delta, "at least 0");
        }

        @Override
        public float p0() {
            return delta;
        }
    }

    /**
     * {@code g (1 + lambda |e|)}: a form of EWGS in use that ignores the direction of the descent.
     *
     * @param lambda at least 0
     */
    record EwgsAbsolute(float lambda) implements Estimator {
        public EwgsAbsolute {
            require(lambda >= 0, "lambda", lambda, "at least 0");
        }

        @Override
        public float p0() {
            return lambda;
        }
    }

    /**
     * The derivative of {@code sign(z) |z|^(1/order)}, for two levels (arXiv 2308.06689): the straight-through estimator for order 1, sharper as
     * the order grows.
     *
     * @param order at least 1
     * @param least below it the slope is that of the chord through 0, > 0
     * @param limit beyond it the gradient is 0, at least {@code least}
     */
    record ReSte(float order, float least, float limit) implements Estimator {
        public ReSte {
            require(order >= 1, "order", order, "at least 1");
            require(least >= 0x1p-100f, "least", least, "above 0");
            require(limit >= least, "limit", limit, "at least " + least);
        }

        @Override
        public float p0() {
            return order;
        }

        @Override
        public float p1() {
            return least;
        }
    }

    /**
     * Between the outermost levels, the gradient times a factor of the level.
     *
     * @param values a factor for each level, from the lowest on
     */
    record LevelFactors(List<Float> values) implements Estimator {
        public LevelFactors {
            values = List.copyOf(values);
        }

        /** A factor for each level, from the lowest on. */
        public static LevelFactors of(float... factors) {
            return new LevelFactors(IntStream.range(0, factors.length).mapToObj(i -> factors[i]).toList());
        }
    }

    /**
     * A staircase of sigmoids between the levels, which sharpens as the temperature falls.
     *
     * @param temperature width of a sigmoid in steps, at least 2^-20
     * @param hard        true: the level in the forward pass
     */
    record Staircase(float temperature, boolean hard) implements Estimator {
        public Staircase {
            require(temperature >= 0x1p-20f, "temperature", temperature, "at least 2^-20");
        }

        /** The same of {@code tanh((u - b) / temperature)} at each boundary b. */
        public static Staircase tanh(float temperature, boolean hard) {
            return new Staircase(temperature / 2, hard);
        }

        @Override
        public float p0() {
            return temperature;
        }
    }

    /**
     * A tanh between each two levels, made to meet them (DSQ, arXiv 1908.05033).
     *
     * @param alpha how far it is from a step: 2^-20 (almost one) to 0.75
     * @param hard  true: the level in the forward pass
     */
    record Dsq(float alpha, boolean hard) implements Estimator {
        public Dsq {
            require(alpha >= 0x1p-20f && alpha <= 0.75f, "alpha", alpha, "in [2^-20, 0.75]");
        }

        @Override
        public float p0() {
            return alpha;
        }
    }

    /**
     * A random choice among the levels, the nearer the likelier (arXiv 1611.01144, arXiv 1611.00712).
     *
     * @param temperature of the softmax, at least 2^-20
     * @param width       of the choice: variance in steps of the distance, at least 2^-20
     * @param hard        true: one level in the forward pass; false: the mean over all
     */
    record Gumbel(float temperature, float width, boolean hard) implements Estimator {
        public Gumbel {
            require(temperature >= 0x1p-20f, "temperature", temperature, "at least 2^-20");
            require(width >= 0x1p-20f, "width", width, "at least 2^-20");
        }

        @Override
        public float p0() {
            return temperature;
        }

        @Override
        public float p1() {
            return width;
        }
    }

    /** Most levels of a smooth estimator. */
    int MOST_SMOOTH_LEVELS = 16;

    /** The value of {@code setun_estimator}. */
    default int code() {
        return switch (this) {
            case Identity e -> 0;
            case Clipped e -> 1;
            case ClippedValue e -> 2;
            case Lsq e -> 3;
            case Pact e -> 4;
            case Ewgs e -> 5;
            case EwgsAbsolute e -> 6;
            case ReSte e -> 7;
            case LevelFactors e -> 8;
            case Staircase e -> 9;
            case Dsq e -> 10;
            case Gumbel e -> 11;
        };
    }

    /** True if a smooth function replaces rounding. */
    default boolean isSmooth() {
        return code() >= 9;
    }

    /** Where the gradient ends, in the units of {@code setun_fakequant_args.limit}; 0: at the outermost levels. */
    default float limit() {
        return 0;
    }

    /** The first parameter, as the kernels take it. */
    default float p0() {
        return 0;
    }

    /** The second parameter. */
    default float p1() {
        return 0;
    }

    /** True if the nearest level (or the chosen one) stands in the value's place. */
    default boolean hard() {
        return !isSmooth();
    }

    private static void require(boolean condition, String name, float value, String allowed) {
        if (!condition || Float.isInfinite(value)) {
            throw new IllegalArgumentException(name + " = " + value + " must be " + allowed + " and finite");
        }
    }
}
