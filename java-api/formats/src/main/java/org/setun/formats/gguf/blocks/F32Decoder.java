package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

/** Plain floats. */
public final class F32Decoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int i = 0; i < blocks; i++) {
            target[at + i] = BlockDecoder.f32(tensor, (first + i) * 4);
        }
    }
}
