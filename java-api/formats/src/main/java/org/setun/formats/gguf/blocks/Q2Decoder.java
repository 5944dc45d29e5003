package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

/** Q2_0: f16 scale, then 64 2-bit codes, lowest first, for the values -1, 0, 1, 2. */
public final class Q2Decoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 18;
            float d = BlockDecoder.f16(tensor, block);
            for (int j = 0; j < 64; j++) {
                int code = BlockDecoder.u8(tensor, block + 2 + j / 4) >> 2 * (j % 4) & 3;
                target[at + 64 * b + j] = (code - 1) * d;
            }
        }
    }
}
