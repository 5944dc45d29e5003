package org.setun.cli.bench;

import java.util.List;
import java.util.stream.Stream;

/** Times several pieces of work in turn, in one span of time: ratios of their medians are then free of what the machine does meanwhile. */
final class Interleaved {

    /**
     * Something to time.
     *
     * @param call  runs it; rising indices
     * @param calls in one sample
     */
    record Timed(java.util.function.IntConsumer call, int calls) {
        static Timed of(Work work) {
            return new Timed(work.call(), 1);
        }
    }

    private static final int LEAST_SAMPLES = 7;

    private Interleaved() {
    }

    /** Median nanoseconds of a call of each. */
    static double[] medianNanos(double seconds, List<Timed> work) {
        List<Samples> samples = Stream.generate(Samples::new).limit(work.size()).toList();
        int[] next = new int[work.size()];
        long until = System.nanoTime() + (long) (seconds * 1e9);
        for (int round = 0; round < LEAST_SAMPLES + 1 || System.nanoTime() < until; round++) {
            for (int i = 0; i < work.size(); i++) {
                Timed timed = work.get(i);
                long start = System.nanoTime();
                for (int call = 0; call < timed.calls; call++) {
                    timed.call.accept(next[i]++);
                }
                if (round > 0) { // the first round warms up
                    samples.get(i).add((System.nanoTime() - start) / (double) timed.calls);
                }
            }
        }
        return samples.stream().mapToDouble(Samples::median).toArray();
    }
}
