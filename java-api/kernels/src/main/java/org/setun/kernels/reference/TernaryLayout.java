package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;

/** Where a layout of two bits per value keeps the value at (row, column); the two bits hold code + 1. */
interface TernaryLayout {

    /** Offset of the byte. */
    long at(long row, long column);

    /** Position of the lower bit in the byte. */
    int shift(long row, long column);

    /** The code, -1..2 (2 is not ternary). */
    default int code(MemorySegment data, long row, long column) {
        return (Segments.i8(data, at(row, column)) >> shift(row, column) & 3) - 1;
    }

    /** Adds a code to a place that holds zero bits. */
    default void put(MemorySegment data, long row, long column, int code) {
        long at = at(row, column);
        Segments.i8(data, at, Segments.i8(data, at) | code + 1 << shift(row, column));
    }

    /** The layout of {@code setun/ternary.h}: value 256b + 64i + j of row 4g + r in bits (2i+1:2i) of byte 256b + 64r + j of group g. */
    static TernaryLayout planesOf64(long k) {
        long groupBytes = (k + 255) / 256 * 256;
        return of((row, column) -> row / 4 * groupBytes + column / 256 * 256 + row % 4 * 64 + column % 64,
                (row, column) -> column % 256 / 64 * 2);
    }

    /** GGUF TQ2_0: value 128h + 32n + j of a block of 256 in bits (2n+1:2n) of byte 32h + j; two bytes of scale follow. */
    static TernaryLayout tq2(long k) {
        long rowBytes = k / 256 * 66;
        return of((row, column) -> row * rowBytes + column / 256 * 66 + column % 256 / 128 * 32 + column % 32,
                (row, column) -> column % 128 / 32 * 2);
    }

    /** Microsoft's I2_S: value 32n + j of a block of 128 in byte j, the first 32 in the top bits. */
    static TernaryLayout i2s(long k) {
        return of((row, column) -> (row * k + column) / 128 * 32 + column % 32, (row, column) -> 6 - column % 128 / 32 * 2);
    }

    /** Hugging Face uint8: with R = ceil(m/4), row iR + r in bits (2i+1:2i) of byte row r. */
    static TernaryLayout huggingFace(long m, long k) {
        long quarter = Math.max(1, (m + 3) / 4);
        return of((row, column) -> row % quarter * k + column, (row, column) -> row / quarter * 2);
    }

    /** A function of a place. */
    interface Place {
        long of(long row, long column);
    }

    private static TernaryLayout of(Place at, Place shift) {
        return new TernaryLayout() {
            @Override
            public long at(long row, long column) {
                return at.of(row, column);
            }

            @Override
            public int shift(long row, long column) {
                return (int) shift.of(row, column);
            }
        };
    }
}
