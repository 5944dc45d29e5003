package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * Eight 6-bit scales and eight 6-bit minima in 12 bytes, as Q4_K and Q5_K keep them. Bytes 0 to 3 and 4 to 7 hold the first four scales and
 * minima in their low six bits and the two high bits of the last four above; bytes 8 to 11 hold the low nibbles of the last four scales
 * (low) and minima (high).
 */
final class SixBitPairs {

    private SixBitPairs() {
    }

    /** Scale {@code index}, 0 to 63, of the 12 bytes from {@code at}. */
    static int scale(MemorySegment tensor, long at, int index) {
        return index < 4 ? u8(tensor, at + index) & 63 : u8(tensor, at + index + 4) & 15 | u8(tensor, at + index - 4) >> 6 << 4;
    }

    /** Minimum {@code index}, 0 to 63, of the 12 bytes from {@code at}. */
    static int min(MemorySegment tensor, long at, int index) {
        return index < 4 ? u8(tensor, at + index + 4) & 63 : u8(tensor, at + index + 4) >> 4 | u8(tensor, at + index) >> 6 << 4;
    }
}
