package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.setun.kernels.PackedLayout;

/** The dense layout of {@code setun/ternary.h}: tiles of 12 rows by 128 values, three codes in five bits. */
final class DenseTiles {

    private static final int ROWS = 12;
    private static final int VALUES = 128;
    private static final int HALF = 64;
    private static final int BYTES = 320;

    private DenseTiles() {
    }

    static void pack(MemorySegment codes, long m, long k, MemorySegment dense) {
        ReferenceCodecs.requireTernary(codes, m, k);
        long positions = PackedLayout.DENSE.bytes(m, k) / BYTES * HALF;
        for (long position = 0; position < positions; position++) {
            long tile = position / HALF;
            long row = tile / tiles(k) * ROWS;
            long column = tile % tiles(k) * VALUES + position % HALF;
            int[][] index = new int[2][4];
            for (int i = 0; i < 2 * ROWS; i++) {
                int digit = 1 + codeAt(codes, m, k, row + i % ROWS, column + i / ROWS * HALF);
                index[i / ROWS][i % ROWS / 3] += digit * power(i % 3);
            }
            put(dense, tile * BYTES + position % HALF, index);
        }
    }

    static void unpack(MemorySegment dense, long m, long k, MemorySegment codes) {
        for (long row = 0; row < (m + ROWS - 1) / ROWS * ROWS; row += 3) {
            for (long column = 0; column < tiles(k) * VALUES; column++) {
                if (index(dense, k, row, column) > 26) {
                    throw new IllegalArgumentException("dense holds an index above 26 for rows " + row + " to " + (row + 2)
                            + ": it is not ternary");
                }
            }
        }
        for (long i = 0; i < m * k; i++) {
            Segments.i8(codes, i, code(dense, k, i / k, i % k));
        }
    }

    /** The code at (row, column): -1..1, or 2 of an index that is not ternary. */
    static int code(MemorySegment dense, long k, long row, long column) {
        int index = index(dense, k, row, column);
        return switch ((int) (row % 3)) {
            case 0 -> index % 9 % 3;
            case 1 -> index % 9 / 3;
            default -> index / 9;
        } - 1;
    }

    private static long tiles(long k) {
        return (k + VALUES - 1) / VALUES;
    }

    private static int power(int digit) {
        return digit == 0 ? 1 : digit == 1 ? 3 : 9;
    }

    private static int codeAt(MemorySegment codes, long m, long k, long row, long column) {
        return row < m && column < k ? Segments.i8(codes, row * k + column) : 0;
    }

    private static int index(MemorySegment dense, long k, long row, long column) {
        long at = (row / ROWS * tiles(k) + column / VALUES) * BYTES + column % HALF;
        int triple = (int) (row % ROWS / 3);
        boolean first = column % VALUES < HALF;
        if (first || triple == 0) {
            return vector(dense, at, first ? triple : 4) & 31;
        }
        int low = vector(dense, at, triple - 1) >> 5;
        int fourth = vector(dense, at, 3);
        int fifth = vector(dense, at, 4);
        return switch (triple) {
            case 1 -> low | (fourth >> 5 & 3) << 3;
            case 2 -> low | (fifth >> 5 & 3) << 3;
            default -> low | fifth >> 7 << 3 | fourth >> 7 << 4;
        };
    }

    private static int vector(MemorySegment dense, long at, int vector) {
        return Byte.toUnsignedInt(Segments.i8(dense, at + HALF * vector));
    }

    private static void put(MemorySegment dense, long at, int[][] index) {
        int[] other = index[1];
        Segments.i8(dense, at, index[0][0] | (other[1] & 7) << 5);
        Segments.i8(dense, at + HALF, index[0][1] | (other[2] & 7) << 5);
        Segments.i8(dense, at + 2 * HALF, index[0][2] | (other[3] & 7) << 5);
        Segments.i8(dense, at + 3 * HALF, index[0][3] | other[1] >> 3 << 5 | other[3] >> 4 << 7);
        Segments.i8(dense, at + 4 * HALF, other[0] | other[2] >> 3 << 5 | (other[3] >> 3 & 1) << 7);
    }
}
