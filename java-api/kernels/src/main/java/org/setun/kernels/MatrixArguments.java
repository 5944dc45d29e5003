package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Checks of what application developers hand in: arrays and segments on or off the heap. */
final class MatrixArguments {

    private static final long PADDING = 512;
    private static final long MOST_COLUMNS = 1L << 58;

    private MatrixArguments() {
    }

    /** {@code rows * columns}, which must not overflow when padded and counted in bytes. */
    static long values(String rowsName, long rows, String columnsName, long columns) {
        if (rows < 0 || columns < 0) {
            throw new IllegalArgumentException(
                    (rows < 0 ? rowsName + " = " + rows : columnsName + " = " + columns) + " must be at least 0");
        }
        if (columns > MOST_COLUMNS || rows > Long.MAX_VALUE / Double.BYTES / (columns + PADDING)) {
            throw new IllegalArgumentException(
                    rowsName + " = " + rows + " rows of " + columnsName + " = " + columns + " values overflow 64 bits");
        }
        return rows * columns;
    }

    /** An array of exactly {@code rows * columns} values. */
    static void exactly(String name, int length, String rowsName, long rows, String columnsName, long columns) {
        long values = values(rowsName, rows, columnsName, columns);
        if (length != values) {
            throw new IllegalArgumentException(
                    name + " has " + length + " values but " + rowsName + " = " + rows + " rows of " + columnsName + " = " + columns
                            + " need " + values);
        }
    }

    /** A segment of at least {@code rows * columns} elements; returns their bytes. */
    static long atLeast(String name, MemorySegment segment, long elementBytes, String rowsName, long rows, String columnsName,
            long columns) {
        long bytes = values(rowsName, rows, columnsName, columns) * elementBytes;
        if (segment.byteSize() < bytes) {
            throw new IllegalArgumentException(name + " has " + segment.byteSize() + " bytes but " + rowsName + " = " + rows + " rows of "
                    + columnsName + " = " + columns + " need " + bytes);
        }
        return bytes;
    }

    static void finite(String name, float value) {
        if (!Float.isFinite(value)) {
            throw new IllegalArgumentException(name + " = " + value + " must be finite");
        }
    }

    /** The exception that names the first value of {@code [rows][columns]} that is not finite. */
    static IllegalArgumentException notFinite(String name, MemorySegment values, long columns) {
        for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
            float value = values.get(ValueLayout.JAVA_FLOAT_UNALIGNED, i * Float.BYTES);
            if (!Float.isFinite(value)) {
                return new IllegalArgumentException(
                        name + "[" + i + "] = " + value + " must be finite (row " + i / columns + ", column " + i % columns + ")");
            }
        }
        return new IllegalArgumentException(name + " hold finite values whose mean overflows");
    }

    /**
     * The one scale of a matrix whose format keeps a scale per block of {@code codes}. Blocks of scale 0 are zeros: their codes become 0.
     */
    static float commonScale(MemorySegment codes, MemorySegment scales) {
        long count = scales.byteSize() / Float.BYTES;
        long block = count == 0 ? 0 : codes.byteSize() / count;
        float common = 0;
        for (long i = 0; i < count; i++) {
            float scale = scales.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            finite("scale of block " + i, scale);
            if (scale == 0) {
                codes.asSlice(i * block, block).fill((byte) 0);
            } else if (common == 0) {
                common = scale;
            } else if (scale != common) {
                throw new IllegalArgumentException("scale of block " + i + " = " + scale + " must be " + common
                        + " as before: the data is not one ternary matrix with one scale");
            }
        }
        return common;
    }
}
