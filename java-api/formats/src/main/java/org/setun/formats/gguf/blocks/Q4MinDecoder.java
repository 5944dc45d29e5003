package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/** Q4_1: f16 scale, f16 minimum, then 16 bytes; the low nibbles are values 0 to 15, the high ones 16 to 31. */
public final class Q4MinDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 20;
            float d = f16(tensor, block);
            float m = f16(tensor, block + 2);
            for (int j = 0; j < 16; j++) {
                int pair = u8(tensor, block + 4 + j);
                target[at + 32 * b + j] = (pair & 15) * d + m;
                target[at + 32 * b + 16 + j] = (pair >> 4) * d + m;
            }
        }
    }
}
