package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.i32;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/** Q5_1: f16 scale, f16 minimum, 32 high bits (bit j for value j), 16 bytes of low nibbles as in Q4_0. */
public final class Q5MinDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 24;
            float d = f16(tensor, block);
            float m = f16(tensor, block + 2);
            int high = i32(tensor, block + 4);
            for (int j = 0; j < 16; j++) {
                int pair = u8(tensor, block + 8 + j);
                target[at + 32 * b + j] = (pair & 15 | (high >>> j & 1) << 4) * d + m;
                target[at + 32 * b + 16 + j] = (pair >> 4 | (high >>> j + 16 & 1) << 4) * d + m;
            }
        }
    }
}
