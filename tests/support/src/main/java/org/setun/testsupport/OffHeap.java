package org.setun.testsupport;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.random.RandomGenerator;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

/** Off-heap operands for tests: arrays to segments and back. Memory lives until it is unreachable. */
public final class OffHeap {

    private OffHeap() {
    }

    public static MemorySegment bytes(long count) {
        return Arena.ofAuto().allocate(count, 64);
    }

    public static MemorySegment floats(long count) {
        return bytes(4 * count);
    }

    public static MemorySegment of(float... values) {
        return Arena.ofAuto().allocateFrom(JAVA_FLOAT, values);
    }

    public static MemorySegment of(int... values) {
        return Arena.ofAuto().allocateFrom(JAVA_INT, values);
    }

    public static MemorySegment of(double... values) {
        return Arena.ofAuto().allocateFrom(JAVA_DOUBLE, values);
    }

    public static MemorySegment of(byte... values) {
        return Arena.ofAuto().allocateFrom(JAVA_BYTE, values);
    }

    public static float[] toFloats(MemorySegment segment) {
        return segment.toArray(JAVA_FLOAT_UNALIGNED);
    }

    public static int[] toInts(MemorySegment segment) {
        return segment.toArray(JAVA_INT_UNALIGNED);
    }

    public static double[] toDoubles(MemorySegment segment) {
        return segment.toArray(JAVA_DOUBLE_UNALIGNED);
    }

    public static byte[] toBytes(MemorySegment segment) {
        return segment.toArray(JAVA_BYTE);
    }

    /** {@code count} normally distributed floats. */
    public static MemorySegment gaussian(RandomGenerator random, long count, double sigma) {
        MemorySegment segment = floats(count);
        for (long i = 0; i < count; i++) {
            segment.setAtIndex(JAVA_FLOAT, i, (float) (sigma * random.nextGaussian()));
        }
        return segment;
    }

    /** {@code count} codes, each -1, 0 or 1. */
    public static MemorySegment codes(RandomGenerator random, long count) {
        MemorySegment segment = bytes(count);
        for (long i = 0; i < count; i++) {
            segment.set(JAVA_BYTE, i, (byte) random.nextInt(-1, 2));
        }
        return segment;
    }
}
