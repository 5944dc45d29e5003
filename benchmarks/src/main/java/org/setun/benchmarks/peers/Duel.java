package org.setun.benchmarks.peers;

import java.util.Arrays;

/**
 * Two sides timed in turn: ours, the peer, ours, the peer. A clock that drifts or a neighbour that comes and goes meets both, so that the
 * ratio of a round holds where the times do not.
 *
 * @param ours   times of our calls
 * @param peer   times of the peer's calls
 * @param ratios per round, the peer's median time divided by ours, in rising order
 */
record Duel(Times ours, Times peer, double[] ratios) {

    /** Lets the threads of the side before, which wait for more work by spinning, go to sleep. */
    private static final long SETTLE_MILLIS = 10;
    private static final double WARM_SHARE = 0.2;
    private static final int MIN_CALLS = 2;

    /**
     * Times of one side in seconds.
     *
     * @param median of the rounds' medians
     * @param best   the fastest call
     */
    record Times(double median, double best) {
    }

    /** Times both sides for {@code seconds} in each of {@code rounds}, after calls that are not counted. */
    static Duel between(Side ours, Side peer, int rounds, double seconds) {
        Clock first = new Clock(ours, seconds);
        Clock second = new Clock(peer, seconds);
        double[] oursMedians = new double[rounds];
        double[] peerMedians = new double[rounds];
        double[] ratios = new double[rounds];
        for (int round = 0; round < rounds; round++) {
            oursMedians[round] = first.median();
            peerMedians[round] = second.median();
            ratios[round] = peerMedians[round] / oursMedians[round];
        }
        Arrays.sort(ratios);
        return new Duel(new Times(quantile(oursMedians, 0.5), first.best), new Times(quantile(peerMedians, 0.5), second.best), ratios);
    }

    /** How many times as fast as the peer ours is: the median over rounds. */
    double ratio() {
        return quantile(ratios, 0.5);
    }

    double lowerQuartile() {
        return quantile(ratios, 0.25);
    }

    double upperQuartile() {
        return quantile(ratios, 0.75);
    }

    /** The same of each side's fastest call. Where it is far from {@link #ratio}, something else ran on the machine. */
    double bestRatio() {
        return peer.best / ours.best;
    }

    private static double quantile(double[] values, double share) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[(int) Math.round(share * (sorted.length - 1))];
    }

    /** Times calls of one side; their indices go on from round to round, so that a cold side never meets warm weights. */
    private static final class Clock {

        private final Side side;
        private final double seconds;
        private double best = Double.POSITIVE_INFINITY;
        private int index;

        Clock(Side side, double seconds) {
            this.side = side;
            this.seconds = seconds;
        }

        /** Median seconds of a call in one round. */
        double median() {
            try {
                Thread.sleep(SETTLE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted", e);
            }
            long warmUntil = System.nanoTime() + (long) (seconds * WARM_SHARE * 1e9);
            do {
                side.call(next());
            } while (System.nanoTime() < warmUntil);
            double[] times = new double[64];
            int calls = 0;
            long start = System.nanoTime();
            long until = start + (long) (seconds * 1e9);
            while (calls < MIN_CALLS || start < until) {
                side.call(next());
                long end = System.nanoTime();
                if (calls == times.length) {
                    times = Arrays.copyOf(times, 2 * calls);
                }
                times[calls] = (end - start) * 1e-9;
                best = Math.min(best, times[calls++]);
                start = end;
            }
            return quantile(Arrays.copyOf(times, calls), 0.5);
        }

        private int next() {
            index = index + 1 & Integer.MAX_VALUE;
            return index;
        }
    }
}
