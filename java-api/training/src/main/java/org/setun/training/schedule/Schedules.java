package org.setun.training.schedule;

/**
 * The schedules. Each begins with a linear warm-up: step {@code t <= warmup} has the rate {@code peak * t / warmup}.
 *
 * <p>Sources: cosine without restarts, SGDR (arXiv 1608.03983, eq. 5); two stages with a weight-decay switch, the training tips that
 * accompany BitNet b1.58 (arXiv 2402.17764) and the 2B4T report (arXiv 2504.12285).
 */
public final class Schedules {

    /** The form of a decay between two rates. */
    public enum Shape {
        LINEAR, COSINE,
        /** {@code 1 - sqrt(progress)}: quickly at first, then ever slower. */
        SQRT;

        /** The rate at {@code progress} in [0, 1]; exactly {@code from} at 0 and {@code to} at 1. */
        double between(double from, double to, double progress) {
            if (progress <= 0) {
                return from;
            }
            if (progress >= 1) {
                return to;
            }
            return switch (this) {
                case LINEAR -> from + (to - from) * progress;
                case SQRT -> to + (from - to) * (1 - Math.sqrt(progress));
                case COSINE -> to + 0.5 * (from - to) * (1 + Math.cos(Math.PI * progress));
            };
        }
    }

    private Schedules() {
    }

    /** The rate {@code peak} after {@code warmup} steps, for ever. */
    public static Schedule constant(double peak, long warmup) {
        return decay(Shape.LINEAR, peak, peak, warmup, warmup + 1);
    }

    /** Warm-up to {@code peak}, then a straight line to {@code end} at step {@code total}. */
    public static Schedule linear(double peak, double end, long warmup, long total) {
        return decay(Shape.LINEAR, peak, end, warmup, total);
    }

    /** Warm-up to {@code peak}, then half a cosine to {@code end} at step {@code total}. */
    public static Schedule cosine(double peak, double end, long warmup, long total) {
        return decay(Shape.COSINE, peak, end, warmup, total);
    }

    /**
     * Warm-up, a constant rate, and a decay over the last steps: whoever wants to train longer goes on from before the decay (WSD, arXiv 2404.06395; the
     * square root, arXiv 2405.18392).
     *
     * @param share of {@code total} in which the rate falls to {@code end}
     */
    public static Schedule warmupStableDecay(Shape shape, double peak, double end, double share, long warmup, long total) {
        requireRate("end", end);
        if (!(share > 0 && share <= 1)) {
            throw new IllegalArgumentException("share of the decay: " + share + ", must be in (0, 1]");
        }
        long stable = total - Math.max(1, Math.round(share * total));
        if (warmup > stable) {
            throw new IllegalArgumentException("warm-up steps: " + warmup + ", the decay begins after " + stable);
        }
        Schedule before = constant(peak, warmup);
        return step -> step <= stable ? before.learningRate(step) : shape.between(peak, end, progress(step, stable, total));
    }

    /** {@code schedule} without weight decay after step {@code last}. */
    public static Schedule decayUntil(long last, Schedule schedule) {
        return new Schedule() {
            @Override
            public double learningRate(long step) {
                return schedule.learningRate(step);
            }

            @Override
            public double weightDecayFactor(long step) {
                return step <= last ? schedule.weightDecayFactor(step) : 0;
            }
        };
    }

    /**
     * The two stages of BitNet b1.58. First half of {@code total}: warm-up to {@code peak}, then a decay that ends with {@code firstEnd};
     * second half: it starts at {@code secondPeak}, lower than where the first half began, and decays to {@code end}, with weight decay
     * switched off.
     */
    public static Schedule twoStage(Shape shape, double peak, double firstEnd, double secondPeak, double end, long warmup, long total) {
        requireRate("second peak", secondPeak);
        requireRate("end", end);
        if (total < 2) {
            throw new IllegalArgumentException("total steps: " + total + ", must be at least 2 for two stages");
        }
        long middle = total / 2;
        Schedule first = decay(shape, peak, firstEnd, warmup, middle);
        return new Schedule() {
            @Override
            public double learningRate(long step) {
                return step <= middle
                        ? first.learningRate(step)
                        : shape.between(secondPeak, end, progress(step, middle + 1, total));
            }

            @Override
            public double weightDecayFactor(long step) {
                return requireStep(step) <= middle ? 1.0 : 0.0;
            }
        };
    }

    private static Schedule decay(Shape shape, double peak, double end, long warmup, long total) {
        requireRate("peak", peak);
        requireRate("end", end);
        if (warmup < 0 || warmup > total) {
            throw new IllegalArgumentException("warm-up steps: " + warmup + ", must be in [0, " + total + "], the steps of the stage");
        }
        if (total < 1) {
            throw new IllegalArgumentException("total steps: " + total + ", must be at least 1");
        }
        long start = Math.max(warmup, 1);
        return step -> requireStep(step) < warmup
                ? peak * ((double) step / warmup)
                : shape.between(peak, end, progress(step, start, total));
    }

    /** Where {@code step} lies between {@code first} (0) and {@code last} (1); 1 from {@code last} on. */
    private static double progress(long step, long first, long last) {
        if (step <= first) {
            return 0;
        }
        return step >= last ? 1 : (double) (step - first) / (last - first);
    }

    private static long requireStep(long step) {
        if (step < 1) {
            throw new IllegalArgumentException("step: " + step + ", steps count from 1");
        }
        return step;
    }

    private static void requireRate(String name, double rate) {
        if (!(rate >= 0) || Double.isInfinite(rate)) {
            throw new IllegalArgumentException(name + " learning rate: " + rate + ", must be finite and not negative");
        }
    }
}
