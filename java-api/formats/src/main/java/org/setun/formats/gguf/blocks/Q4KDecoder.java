package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * Q4_K: f16 scale of the scales, f16 scale of the minima, 12 bytes of 6-bit scales and minima for 32 values each ({@link SixBitPairs}), 128
 * bytes of nibbles: of 64 values the low ones come first.
 */
public final class Q4KDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 144;
            float d = f16(tensor, block);
            float dmin = f16(tensor, block + 2);
            for (int group = 0; group < 8; group++) {
                float scale = d * SixBitPairs.scale(tensor, block + 4, group);
                float min = dmin * SixBitPairs.min(tensor, block + 4, group);
                long codes = block + 16 + 32 * (group / 2);
                int shift = 4 * (group % 2);
                for (int l = 0; l < 32; l++) {
                    target[at + 256 * b + 32 * group + l] = scale * (u8(tensor, codes + l) >> shift & 15) - min;
                }
            }
        }
    }
}
