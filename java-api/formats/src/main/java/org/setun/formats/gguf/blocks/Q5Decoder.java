package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.i32;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/** Q5_0: f16 scale, 32 high bits (bit j for value j), 16 bytes of low nibbles as in Q4_0; each code minus 16. */
public final class Q5Decoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 22;
            float d = f16(tensor, block);
            int high = i32(tensor, block + 2);
            for (int j = 0; j < 16; j++) {
                int pair = u8(tensor, block + 6 + j);
                target[at + 32 * b + j] = ((pair & 15 | (high >>> j & 1) << 4) - 16) * d;
                target[at + 32 * b + 16 + j] = ((pair >> 4 | (high >>> j + 16 & 1) << 4) - 16) * d;
            }
        }
    }
}
