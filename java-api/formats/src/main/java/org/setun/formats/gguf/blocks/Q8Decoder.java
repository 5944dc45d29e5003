package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

/** Q8_0: f16 scale, then 32 signed bytes. */
public final class Q8Decoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 34;
            float d = BlockDecoder.f16(tensor, block);
            for (int j = 0; j < 32; j++) {
                target[at + 32 * b + j] = (byte) BlockDecoder.u8(tensor, block + 2 + j) * d;
            }
        }
    }
}
