package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * Q3_K: 32 bytes of high bits, 64 bytes of low 2-bit codes placed as in Q2_K, 12 bytes with sixteen 6-bit scales plus 32, f16 scale of the
 * scales. Bit 4h + j of high byte l belongs to value 128h + 32j + l; each code minus 4.
 */
public final class Q3KDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 110;
            float d = f16(tensor, block + 108);
            for (int group = 0; group < 16; group++) {
                float scale = d * (scale(tensor, block + 96, group) - 32);
                long low = block + 32 + 32 * (group / 8) + 16 * (group % 2);
                long high = block + 16 * (group % 2);
                int shift = 2 * (group / 2 % 4);
                int bit = group / 2;
                for (int l = 0; l < 16; l++) {
                    int code = u8(tensor, low + l) >> shift & 3 | (u8(tensor, high + l) >> bit & 1) << 2;
                    target[at + 256 * b + 16 * group + l] = scale * (code - 4);
                }
            }
        }
    }

    /** Low nibbles of scales 0 to 7, then of 8 to 15 in the high nibbles; two high bits in the last four bytes. */
    private static int scale(MemorySegment tensor, long scales, int group) {
        int low = u8(tensor, scales + group % 8) >> 4 * (group / 8) & 15;
        int high = u8(tensor, scales + 8 + group % 4) >> 2 * (group / 4) & 3;
        return low | high << 4;
    }
}
