package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/** IQ4_NL: bytes as Q4_0, but a nibble is the number of one of sixteen uneven {@link #LEVELS}. */
public final class Iq4NlDecoder implements BlockDecoder {

    /** What the sixteen codes stand for, in steps of the scale. */
    static final float[] LEVELS = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 18;
            float d = f16(tensor, block);
            for (int j = 0; j < 16; j++) {
                int pair = u8(tensor, block + 2 + j);
                target[at + 32 * b + j] = d * LEVELS[pair & 15];
                target[at + 32 * b + 16 + j] = d * LEVELS[pair >> 4];
            }
        }
    }
}
