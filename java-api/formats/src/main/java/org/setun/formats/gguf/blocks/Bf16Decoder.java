package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

/** bfloat16: the upper half of a float. */
public final class Bf16Decoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int i = 0; i < blocks; i++) {
            target[at + i] = Float.intBitsToFloat(BlockDecoder.i16(tensor, (first + i) * 2) << 16);
        }
    }
}
