package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

/** Values and rows of segments; every index counts elements, not bytes. */
final class Segments {

    private Segments() {
    }

    static float f32(MemorySegment segment, long index) {
        return segment.get(JAVA_FLOAT_UNALIGNED, 4 * index);
    }

    static void f32(MemorySegment segment, long index, float value) {
        segment.set(JAVA_FLOAT_UNALIGNED, 4 * index, value);
    }

    static double f64(MemorySegment segment, long index) {
        return segment.get(JAVA_DOUBLE_UNALIGNED, 8 * index);
    }

    static void f64(MemorySegment segment, long index, double value) {
        segment.set(JAVA_DOUBLE_UNALIGNED, 8 * index, value);
    }

    static int i32(MemorySegment segment, long index) {
        return segment.get(JAVA_INT_UNALIGNED, 4 * index);
    }

    static void i32(MemorySegment segment, long index, int value) {
        segment.set(JAVA_INT_UNALIGNED, 4 * index, value);
    }

    static byte i8(MemorySegment segment, long index) {
        return segment.get(JAVA_BYTE, index);
    }

    static void i8(MemorySegment segment, long index, int value) {
        segment.set(JAVA_BYTE, index, (byte) value);
    }

    /** A copy of {@code count} floats from {@code first} on. */
    static float[] floats(MemorySegment segment, long first, long count) {
        float[] row = new float[Math.toIntExact(count)];
        MemorySegment.copy(segment, JAVA_FLOAT_UNALIGNED, 4 * first, row, 0, row.length);
        return row;
    }

    static void floats(float[] row, MemorySegment segment, long first) {
        MemorySegment.copy(row, 0, segment, JAVA_FLOAT_UNALIGNED, 4 * first, row.length);
    }

    /** A copy of {@code count} bytes from {@code first} on. */
    static byte[] bytes(MemorySegment segment, long first, long count) {
        byte[] row = new byte[Math.toIntExact(count)];
        MemorySegment.copy(segment, JAVA_BYTE, first, row, 0, row.length);
        return row;
    }

    static void bytes(byte[] row, MemorySegment segment, long first) {
        MemorySegment.copy(row, 0, segment, JAVA_BYTE, first, row.length);
    }

    /** Throws unless each of {@code values} i32[n] lies in {@code [least, end)}. */
    static void requireRange(String name, MemorySegment values, long n, long least, long end) {
        for (long i = 0; i < n; i++) {
            int value = i32(values, i);
            if (value < least || value >= end) {
                throw new IllegalArgumentException(name + "[" + i + "] = " + value + " must be in [" + least + ", " + end + ")");
            }
        }
    }
}
