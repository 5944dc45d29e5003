package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

/** Q4_0: f16 scale, then 16 bytes; the low nibbles are values 0 to 15, the high ones 16 to 31, each minus 8. */
public final class Q4Decoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 18;
            float d = BlockDecoder.f16(tensor, block);
            for (int j = 0; j < 16; j++) {
                int pair = BlockDecoder.u8(tensor, block + 2 + j);
                target[at + 32 * b + j] = ((pair & 15) - 8) * d;
                target[at + 32 * b + 16 + j] = ((pair >> 4) - 8) * d;
            }
        }
    }
}
