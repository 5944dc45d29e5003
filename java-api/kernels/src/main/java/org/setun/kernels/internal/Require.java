package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.setun.kernels.GemmOps;

/**
 * Preconditions on shapes and segments. Each failure names the argument, its value and what is allowed. A check that holds creates no
 * object: names and values are joined only when it fails.
 */
final class Require {

    /** Element types of operands. */
    enum Type {
        F32(4, "floats"), F64(8, "doubles"), I32(4, "ints"), BF16(2, "bf16 values"), I8(1, "bytes");

        /** The type of an element of a product. */
        static Type of(GemmOps.Element element) {
            return switch (element) {
                case F32 -> F32;
                case BF16 -> BF16;
                case I8 -> I8;
            };
        }

        private final int bytes;
        private final String plural;

        Type(int bytes, String plural) {
            this.bytes = bytes;
            this.plural = plural;
        }
    }

    private Require() {
    }

    /** The extent {@code name}, which must not be negative. */
    static long dim(String name, long value) {
        return atLeast(0, name, value);
    }

    /** The extent {@code name}, which must be at least {@code least}. */
    static long atLeast(long least, String name, long value) {
        if (value < least) {
            throw new IllegalArgumentException(name + " = " + value + " must be at least " + least);
        }
        return value;
    }

    /** {@code count} values. */
    static void vector(String name, MemorySegment segment, Type type, String countName, long count) {
        long bytes = scaled(type, dim(countName, count), 1, 0);
        if (!fits(name, segment, type, bytes)) {
            throw misfit(name, segment, type, bytes, named(countName, count) + " " + type.plural);
        }
    }

    /** {@code rows} contiguous rows of {@code columns} values. */
    static void matrix(String name, MemorySegment segment, Type type, String rowsName, long rows, String columnsName, long columns) {
        long bytes = scaled(type, dim(rowsName, rows), dim(columnsName, columns), 0);
        if (!fits(name, segment, type, bytes)) {
            throw misfit(name, segment, type, bytes, named(rowsName, rows) + " rows of " + named(columnsName, columns) + " " + type.plural);
        }
    }

    /** Rows that start {@code ld} values apart; the last row needs only its own {@code columns}. */
    static void strided(String name, MemorySegment segment, Type type, String rowsName, long rows, String columnsName, long columns,
            String ldName, long ld) {
        dim(rowsName, rows);
        farEnough(ldName, ld, columnsName, dim(columnsName, columns));
        long bytes = rows == 0 ? 0 : scaled(type, rows - 1, ld, columns);
        if (!fits(name, segment, type, bytes)) {
            throw misfit(name, segment, type, bytes, named(rowsName, rows) + " rows of " + named(columnsName, columns) + " " + type.plural
                    + ", " + named(ldName, ld) + " apart,");
        }
    }

    /** Batches of strided rows; {@code batchStride} values from one batch item to the next. */
    static void batched(String name, MemorySegment segment, Type type, long batch, String batchStrideName, long batchStride,
            String rowsName,
            long rows, String columnsName, long columns, String ldName, long ld) {
        dim(rowsName, rows);
        farEnough(ldName, ld, columnsName, dim(columnsName, columns));
        long item = rows == 0 ? 0 : values(rows - 1, ld, columns);
        if (dim("batch", batch) > 1 && batchStride < item) {
            throw new IllegalArgumentException(
                    named(batchStrideName, batchStride) + " must be 0 or at least the " + item + " values of one batch item");
        }
        long bytes = batch == 0 ? 0 : scaled(type, batch - 1, batchStride, item);
        if (!fits(name, segment, type, bytes)) {
            throw misfit(name, segment, type, bytes, named("batch", batch) + " items of " + named(rowsName, rows) + " rows of "
                    + named(columnsName, columns) + " " + type.plural + ", " + named(ldName, ld) + " apart,");
        }
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

    private static void farEnough(String ldName, long ld, String columnsName, long columns) {
        if (ld < columns) {
            throw new IllegalArgumentException(named(ldName, ld) + " must be at least " + named(columnsName, columns));
        }
    }

    /** True if the segment is native, large enough and aligned to its elements: all that a right call evaluates. */
    static boolean fits(String name, MemorySegment segment, Type type, long bytes) {
        Objects.requireNonNull(segment, name);
        return segment.isNative() && segment.byteSize() >= bytes && (bytes == 0 || segment.address() % type.bytes == 0);
    }

    /** Why it does not fit. */
    static IllegalArgumentException misfit(String name, MemorySegment segment, Type type, long bytes, String what) {
        if (!segment.isNative()) {
            return new IllegalArgumentException(name + " is a heap segment; off-heap memory is needed");
        }
        if (segment.byteSize() < bytes) {
            return new IllegalArgumentException(name + " has " + segment.byteSize() + " bytes but " + what + " need " + bytes);
        }
        return new IllegalArgumentException(name + " is at address " + segment.address() + " but " + type.plural + " need a multiple of "
                + type.bytes);
    }

    private static String named(String name, long value) {
        return name + " = " + value;
    }
}
