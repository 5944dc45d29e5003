package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

/** I2_S: blocks of 128 codes in 32 bytes, the first 32 values in the top bits; one f32 scale behind the last block. */
public final class I2sDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        float scale = BlockDecoder.f32(tensor, tensor.byteSize() - 32);
        for (int b = 0; b < blocks; b++) {
            for (int j = 0; j < 32; j++) {
                int codes = BlockDecoder.u8(tensor, (first + b) * 32 + j);
                for (int n = 0; n < 4; n++) {
                    target[at + 128 * b + 32 * n + j] = ((codes >> 6 - 2 * n & 3) - 1) * scale;
                }
            }
        }
    }
}
