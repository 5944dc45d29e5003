package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/** Q5_K: as Q4_K with 32 bytes of high bits before the nibbles; bit g of byte l belongs to value l of the g-th 32 values. */
public final class Q5KDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 176;
            float d = f16(tensor, block);
            float dmin = f16(tensor, block + 2);
            for (int group = 0; group < 8; group++) {
                float scale = d * SixBitPairs.scale(tensor, block + 4, group);
                float min = dmin * SixBitPairs.min(tensor, block + 4, group);
                long codes = block + 48 + 32 * (group / 2);
                int shift = 4 * (group % 2);
                for (int l = 0; l < 32; l++) {
                    int code = u8(tensor, codes + l) >> shift & 15 | (u8(tensor, block + 16 + l) >> group & 1) << 4;
                    target[at + 256 * b + 32 * group + l] = scale * code - min;
                }
            }
        }
    }
}
