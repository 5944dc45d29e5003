package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * Q2_K: 16 bytes with a 4-bit scale (low) and a 4-bit minimum (high) for 16 values each, 64 bytes of 2-bit codes, f16 scale of the scales,
 * f16 scale of the minima. A half of 128 values takes 32 bytes; bits 2j+1:2j of byte l are its value 32j + l.
 */
public final class Q2KDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 84;
            float d = f16(tensor, block + 80);
            float dmin = f16(tensor, block + 82);
            for (int group = 0; group < 16; group++) {
                int packed = u8(tensor, block + group);
                float scale = d * (packed & 15);
                float min = dmin * (packed >> 4);
                long codes = block + 16 + 32 * (group / 8) + 16 * (group % 2);
                int shift = 2 * (group / 2 % 4);
                for (int l = 0; l < 16; l++) {
                    target[at + 256 * b + 16 * group + l] = scale * (u8(tensor, codes + l) >> shift & 3) - min;
                }
            }
        }
    }
}
