package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

/** Q1_0: f16 scale, then 128 sign bits, lowest first; 1 is plus. */
public final class Q1Decoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 18;
            float d = BlockDecoder.f16(tensor, block);
            for (int j = 0; j < 128; j++) {
                int bit = BlockDecoder.u8(tensor, block + 2 + j / 8) >> j % 8 & 1;
                target[at + 128 * b + j] = bit == 1 ? d : -d;
            }
        }
    }
}
