package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.Supplier;

/** Preconditions on shapes and segments. Each failure names the argument, its value and what is allowed. */
final class Require {

    /** Element types of operands. */
    enum Type {
        F32(4, "floats"),
        F64(8, "doubles"),
        I32(4, "ints"),
        I8(1, "bytes");

        private final int bytes;
        private final String plural;

        Type(int bytes, String plural) {
            this.bytes = bytes;
            this.plural = plural;
        }
    }

    /** A named extent, so that messages can say "n = 3". */
    record Dim(String name, long value) {

        @Override
        public String toString() {
            return name + " = " + value;
        }
    }

    private Require() {
    }

    /** The extent {@code name}, which must not be negative. */
    static Dim dim(String name, long value) {
        return atLeast(0, name, value);
    }

    /** The extent {@code name}, which must be at least {@code least}. */
    static Dim atLeast(long least, String name, long value) {
        if (value < least) {
            throw new IllegalArgumentException(name + " = " + value + " must be at least " + least);
        }
        return new Dim(name, value);
    }

    /** {@code count} values. */
    static void vector(String name, MemorySegment segment, Type type, Dim count) {
        needs(name, segment, type, scaled(type, count.value, 1, 0), () -> count + " " + type.plural);
    }

    /** {@code rows} contiguous rows of {@code columns} values. */
    static void matrix(String name, MemorySegment segment, Type type, Dim rows, Dim columns) {
        needs(name, segment, type, scaled(type, rows.value, columns.value, 0), () -> rows + " rows of " + columns + " " + type.plural);
    }

    /** Rows that start {@code ld} values apart; the last row needs only its own {@code columns}. */
    static void strided(String name, MemorySegment segment, Type type, Dim rows, Dim columns, Dim ld) {
        if (ld.value < columns.value) {
            throw new IllegalArgumentException(ld + " must be at least " + columns);
        }
        long bytes = rows.value == 0 ? 0 : scaled(type, rows.value - 1, ld.value, columns.value);
        needs(name, segment, type, bytes, () -> rows + " rows of " + columns + " " + type.plural + ", " + ld + " apart,");
    }

    /** Batches of strided rows; {@code batchStride} values from one batch item to the next. */
    static void batched(String name, MemorySegment segment, Type type, Dim batch, Dim batchStride, Dim rows, Dim columns, Dim ld) {
        if (ld.value < columns.value) {
            throw new IllegalArgumentException(ld + " must be at least " + columns);
        }
        long item = rows.value == 0 ? 0 : values(rows.value - 1, ld.value, columns.value);
        if (batch.value > 1 && batchStride.value < item) {
            throw new IllegalArgumentException(batchStride + " must be 0 or at least the " + item + " values of one batch item");
        }
        long bytes = batch.value == 0 ? 0 : scaled(type, batch.value - 1, batchStride.value, item);
        needs(name, segment, type, bytes, () -> batch + " items of " + rows + " rows of " + columns + " " + type.plural + ", " + ld + " apart,");
    }

    /** At least {@code bytes} bytes, which {@code what} needs. */
    static void bytes(String name, MemorySegment segment, long bytes, Supplier<String> what) {
        needs(name, segment, Type.I8, bytes, what);
    }

    /** An output: must not be read-only. */
    static void writable(String name, MemorySegment segment) {
        Objects.requireNonNull(segment, name);
        if (segment.isReadOnly()) {
            throw new IllegalArgumentException(name + " is a read-only segment but is written");
        }
    }

    /** {@code a * b + c} of non-negative values. */
    static long values(long a, long b, long c) {
        try {
            return Math.addExact(Math.multiplyExact(a, b), c);
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException("shape of " + a + " x " + b + " values overflows 64 bits", e);
        }
    }

    private static long scaled(Type type, long a, long b, long c) {
        return values(values(a, b, c), type.bytes, 0);
    }

    private static void needs(String name, MemorySegment segment, Type type, long bytes, Supplier<String> what) {
        Objects.requireNonNull(segment, name);
        if (!segment.isNative()) {
            throw new IllegalArgumentException(name + " is a heap segment; off-heap memory is needed");
        }
        if (segment.byteSize() < bytes) {
            throw new IllegalArgumentException(name + " has " + segment.byteSize() + " bytes but " + what.get() + " need " + bytes);
        }
        if (bytes > 0 && segment.address() % type.bytes != 0) {
            throw new IllegalArgumentException(name + " is at address " + segment.address() + " but " + type.plural
                    + " need a multiple of " + type.bytes);
        }
    }
}
