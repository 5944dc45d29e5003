package org.setun.quant.blocks;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.setun.kernels.reference.TritBlocks;

/** The byte layouts of {@code docs/formats.md}, written. */
final class Packings {

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int MINUS = 0x8000;

    private Packings() {
    }

    static void q10(Block block, MemorySegment to, long at) {
        to.set(SHORT, at, block.scale);
        for (int j = 0; j < 16; j++) {
            int bits = 0;
            for (int i = 0; i < 8; i++) {
                bits |= block.codes[8 * j + i] << i;
            }
            u8(to, at + 2 + j, bits);
        }
    }

    static void q20(Block block, MemorySegment to, long at) {
        Q20Blocks.write(block.codes, 0, block.scale, to, at);
    }

    static void tq10(Block block, MemorySegment to, long at) {
        TritBlocks.encode(MemorySegment.ofArray(block.codes), 1, to.asSlice(at, 54));
        to.set(SHORT, at + 52, block.scale);
    }

    static void tq20(Block block, MemorySegment to, long at) {
        columns(block.codes, 0, 1, 3, 2, 128, to, at);
        columns(block.codes, 128, 1, 3, 2, 128, to, at + 32);
        to.set(SHORT, at + 64, block.scale);
    }

    static void q80(Block block, MemorySegment to, long at) {
        to.set(SHORT, at, block.scale);
        MemorySegment.copy(block.codes, 0, to, ValueLayout.JAVA_BYTE, at + 2, block.size);
    }

    static void q40(Block block, MemorySegment to, long at) {
        to.set(SHORT, at, block.scale);
        nibbles(block, 8, to, at + 2);
    }

    static void q41(Block block, MemorySegment to, long at) {
        to.set(SHORT, at, block.scale);
        to.set(SHORT, at + 2, (short) (block.min ^ MINUS));
        nibbles(block, 0, to, at + 4);
    }

    static void q50(Block block, MemorySegment to, long at) {
        to.set(SHORT, at, block.scale);
        to.set(INT, at + 2, fifthBits(block, 16));
        nibbles(block, 16, to, at + 6);
    }

    static void q51(Block block, MemorySegment to, long at) {
        to.set(SHORT, at, block.scale);
        to.set(SHORT, at + 2, (short) (block.min ^ MINUS));
        to.set(INT, at + 4, fifthBits(block, 0));
        nibbles(block, 0, to, at + 8);
    }

    private static void nibbles(Block block, int zero, MemorySegment to, long at) {
        for (int j = 0; j < 16; j++) {
            u8(to, at + j, block.codes[j] + zero & 15 | (block.codes[16 + j] + zero & 15) << 4);
        }
    }

    private static int fifthBits(Block block, int zero) {
        int bits = 0;
        for (int j = 0; j < 32; j++) {
            bits |= (block.codes[j] + zero >> 4) << j;
        }
        return bits;
    }

    static void q2k(Block block, MemorySegment to, long at) {
        for (int g = 0; g < 16; g++) {
            u8(to, at + g, block.groupScales[g] | block.groupMins[g] << 4);
        }
        columns(block.codes, 0, 0, 3, 2, 128, to, at + 16);
        columns(block.codes, 128, 0, 3, 2, 128, to, at + 48);
        to.set(SHORT, at + 80, block.scale);
        to.set(SHORT, at + 82, block.min);
    }

    static void q3k(Block block, MemorySegment to, long at) {
        columns(block.codes, 0, 4, 4, 1, 256, to, at);
        columns(block.codes, 0, 4, 3, 2, 128, to, at + 32);
        columns(block.codes, 128, 4, 3, 2, 128, to, at + 64);
        for (int g = 0; g < 8; g++) {
            u8(to, at + 96 + g, block.groupScales[g] + 32 & 15 | (block.groupScales[8 + g] + 32 & 15) << 4);
        }
        for (int i = 0; i < 4; i++) {
            int bits = 0;
            for (int j = 0; j < 4; j++) {
                bits |= (block.groupScales[4 * j + i] + 32 >> 4) << 2 * j;
            }
            u8(to, at + 104 + i, bits);
        }
        to.set(SHORT, at + 108, block.scale);
    }

    static void q4k(Block block, MemorySegment to, long at) {
        sixBitPairs(block, to, at);
        for (int pair = 0; pair < 4; pair++) {
            columns(block.codes, 64 * pair, 0, 15, 4, 64, to, at + 16 + 32 * pair);
        }
    }

    static void q5k(Block block, MemorySegment to, long at) {
        sixBitPairs(block, to, at);
        columns(block.codes, 0, 0, 16, 1, 256, to, at + 16);
        for (int pair = 0; pair < 4; pair++) {
            columns(block.codes, 64 * pair, 0, 15, 4, 64, to, at + 48 + 32 * pair);
        }
    }

    private static void sixBitPairs(Block block, MemorySegment to, long at) {
        to.set(SHORT, at, block.scale);
        to.set(SHORT, at + 2, block.min);
        int[] s = block.groupScales;
        int[] m = block.groupMins;
        for (int g = 0; g < 4; g++) {
            u8(to, at + 4 + g, s[g] | s[4 + g] >> 4 << 6);
            u8(to, at + 8 + g, m[g] | m[4 + g] >> 4 << 6);
            u8(to, at + 12 + g, s[4 + g] & 15 | (m[4 + g] & 15) << 4);
        }
    }

    static void q6k(Block block, MemorySegment to, long at) {
        for (int half = 0; half < 2; half++) {
            for (int l = 0; l < 64; l++) {
                int first = block.codes[128 * half + l] + 32 & 15;
                int last = block.codes[128 * half + 64 + l] + 32 & 15;
                u8(to, at + 64 * half + l, first | last << 4);
            }
            columns(block.codes, 128 * half, 32, 48, 2, 128, to, at + 128 + 32 * half);
        }
        for (int g = 0; g < 16; g++) {
            u8(to, at + 192 + g, block.groupScales[g]);
        }
        to.set(SHORT, at + 208, block.scale);
    }

    /**
     * 32 bytes of columns: byte l gets the bits {@code mask} of the codes l, 32 + l, ... below {@code count}, each raised by {@code zero} and
     * moved down to bit 0, from its lowest bits up, {@code width} bits each.
     */
    private static void columns(byte[] codes, int from, int zero, int mask, int width, int count, MemorySegment to, long at) {
        int down = Integer.numberOfTrailingZeros(mask);
        for (int l = 0; l < 32; l++) {
            int bits = 0;
            for (int j = 0; 32 * j < count; j++) {
                bits |= (codes[from + 32 * j + l] + zero & mask) >> down << width * j;
            }
            u8(to, at + l, bits);
        }
    }

    private static void u8(MemorySegment to, long at, int value) {
        to.set(ValueLayout.JAVA_BYTE, at, (byte) value);
    }
}
