package org.setun.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/** Operands of benchmarks, off-heap, 64-byte aligned, the same in every fork. */
final class Operands {

    private final Arena arena;
    private final SplittableRandom random = new SplittableRandom(1958);

    Operands(Arena arena) {
        this.arena = arena;
    }

    MemorySegment bytes(long count) {
        return arena.allocate(Math.max(1, count), 64);
    }

    MemorySegment floats(long count) {
        return bytes(count * Float.BYTES);
    }

    MemorySegment gaussian(long count) {
        MemorySegment x = floats(count);
        for (long i = 0; i < count; i++) {
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        return x;
    }

    MemorySegment integers(long count, int bound) {
        MemorySegment x = bytes(count * Integer.BYTES);
        for (long i = 0; i < count; i++) {
            x.setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(bound));
        }
        return x;
    }

    /** Fails unless the first {@code count} floats differ by at most {@code tolerance} of the largest magnitude. */
    static void requireClose(String what, MemorySegment expected, MemorySegment actual, long count, double tolerance) {
        double largest = Double.MIN_NORMAL;
        double difference = 0;
        for (long i = 0; i < count; i++) {
            float e = expected.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            float a = actual.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            largest = Math.max(largest, Math.abs(e));
            difference = Math.max(difference, Float.isNaN(a) ? Double.POSITIVE_INFINITY : Math.abs((double) e - a));
        }
        if (difference > tolerance * largest) {
            throw new IllegalStateException(what + " differs from the reference by " + difference + "; nothing is timed");
        }
    }
}
