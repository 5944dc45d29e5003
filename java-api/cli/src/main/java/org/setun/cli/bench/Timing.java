package org.setun.cli.bench;

import java.util.Arrays;

/** Median time of a call. */
final class Timing {

    private static final int MAX_CALLS = 100_000;
    private static final int MIN_CALLS = 5;

    private Timing() {
    }

    /** Calls {@code call} with rising indices, first to warm up, then for about {@code seconds}; the median in nanoseconds. */
    static double medianNanos(double seconds, java.util.function.IntConsumer call) {
        long warmUntil = System.nanoTime() + (long) (seconds * 0.3e9);
        int index = 0;
        do {
            call.accept(index++);
        } while (System.nanoTime() < warmUntil);
        long[] times = new long[MAX_CALLS];
        int calls = 0;
        long until = System.nanoTime() + (long) (seconds * 1e9);
        while (calls < MAX_CALLS && (calls < MIN_CALLS || System.nanoTime() < until)) {
            long start = System.nanoTime();
            call.accept(index++);
            times[calls++] = System.nanoTime() - start;
        }
        Arrays.sort(times, 0, calls);
        return times[calls / 2];
    }
}
