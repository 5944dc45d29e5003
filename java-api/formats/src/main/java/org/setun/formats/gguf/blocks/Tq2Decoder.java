package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

/** TQ2_0: two halves of 32 bytes with four 2-bit codes each, 32 values apart; the f16 scale comes last. */
public final class Tq2Decoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 66;
            float d = BlockDecoder.f16(tensor, block + 64);
            for (int j = 0; j < 64; j++) {
                int codes = BlockDecoder.u8(tensor, block + j);
                int index = at + 256 * b + 128 * (j / 32) + j % 32;
                for (int n = 0; n < 4; n++) {
                    target[index + 32 * n] = ((codes >> 2 * n & 3) - 1) * d;
                }
            }
        }
    }
}
