package org.setun.benchmarks.peers;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The TL2 layout of bitnet.cpp (arXiv 2502.11880), which its C interface does not make: three weights become an index of 4 bits and a sign,
 * what is left of a row beyond a multiple of 96 becomes indices of two weights. The sections follow each other: indices of three, signs,
 * indices of two; each goes by tiles of {@link #TILE_ROWS} rows, blocks along the row, groups of 32 rows.
 */
final class Tl2Packing {

    /** Rows of a tile ({@code bm}), for which the kernels of the library must have been generated. */
    static final long TILE_ROWS = 128;

    private static final long BLOCK_OF_THREES = 96;
    private static final long BLOCK_OF_TWOS = 32;
    private static final long GROUP_ROWS = 32;
    private static final long LANES = 8;

    private final MemorySegment codes;
    private final long m;
    private final long k;
    private final long threes;
    private final MemorySegment packed;

    private Tl2Packing(MemorySegment codes, long m, long k, MemorySegment packed) {
        this.codes = codes;
        this.m = m;
        this.k = k;
        this.threes = k - k % BLOCK_OF_THREES;
        this.packed = packed;
    }

    /** Bytes from one matrix to the next, the scale included, which the kernels look for behind where 2-bit weights would end. */
    static long stride(long m, long k) {
        return m * k / 4 + 64;
    }

    /** Packs {@code codes} i8[m][k] in {-1,0,1} and their scale; {@code packed} is zero and has {@link #stride} bytes. */
    static void pack(MemorySegment codes, long m, long k, float scale, MemorySegment packed) {
        if (m % TILE_ROWS != 0) {
            throw new IllegalArgumentException("m = " + m + " must be a multiple of " + TILE_ROWS);
        }
        Tl2Packing packing = new Tl2Packing(codes, m, k, packed);
        for (long row = 0; row < m; row++) {
            packing.packThrees(row);
            packing.packTwos(row);
        }
        packed.set(ValueLayout.JAVA_FLOAT_UNALIGNED, m * k / 4, scale);
    }

    private void packThrees(long row) {
        long indexed = BLOCK_OF_THREES / 3;
        for (long column = 0; column < threes; column += 3) {
            int value = 9 * code(row, column) + 3 * code(row, column + 1) + code(row, column + 2);
            long block = group(row, column / BLOCK_OF_THREES, threes / BLOCK_OF_THREES);
            long i = column % BLOCK_OF_THREES / 3;
            index((block * indexed / 2 + i / 2) * GROUP_ROWS + lane(row), i, Math.abs(value));
            if (value < 0) {
                long half = row % GROUP_ROWS / (GROUP_ROWS / 2);
                long signs = m * threes / 6
                        + ((block * indexed / LANES + i / LANES) * (GROUP_ROWS / 2) + row % (GROUP_ROWS / 2)) * Short.BYTES;
                short word = packed.get(ValueLayout.JAVA_SHORT_UNALIGNED, signs);
                packed.set(ValueLayout.JAVA_SHORT_UNALIGNED, signs, (short) (word | 1 << 15 - 2 * (i % LANES) - half));
            }
        }
    }

    private void packTwos(long row) {
        long indexed = BLOCK_OF_TWOS / 2;
        long start = m * threes / 6 + m * threes / 24;
        for (long column = threes; column < k; column += 2) {
            long block = group(row, (column - threes) / BLOCK_OF_TWOS, (k - threes) / BLOCK_OF_TWOS);
            long i = (column - threes) % BLOCK_OF_TWOS / 2;
            index(start + (block * indexed / 2 + i / 2) * GROUP_ROWS + lane(row), i, 3 * code(row, column) + code(row, column + 1) + 4);
        }
    }

    /** Number of the 32 rows in one block: tiles, then blocks along the row, then groups of a tile. */
    private static long group(long row, long block, long blocks) {
        return (row / TILE_ROWS * blocks + block) * (TILE_ROWS / GROUP_ROWS) + row % TILE_ROWS / GROUP_ROWS;
    }

    /** The byte of a row in its group: the second and the third 8 of the 32 change places. */
    private static long lane(long row) {
        long lane = row % GROUP_ROWS;
        return switch ((int) (lane / LANES)) {
            case 1 -> lane + LANES;
            case 2 -> lane - LANES;
            default -> lane;
        };
    }

    /** The first of two indices takes the high half of their byte. */
    private void index(long at, long i, int value) {
        byte pair = packed.get(ValueLayout.JAVA_BYTE, at);
        packed.set(ValueLayout.JAVA_BYTE, at, (byte) (pair | (i % 2 == 0 ? value << 4 : value)));
    }

    private int code(long row, long column) {
        return codes.get(ValueLayout.JAVA_BYTE, row * k + column);
    }
}
