package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.i32;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * IQ2_XXS: f16 scale, then per 32 values four point numbers of 8 bits and 32 bits with four times seven signs and, on top, a 4-bit scale s;
 * the values of a point count (s + 1/2) / 4 each.
 */
public final class Iq2XxsDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 66;
            float d = f16(tensor, block);
            for (int group = 0; group < 8; group++) {
                long points = block + 2 + 8 * group;
                int rest = i32(tensor, points + 4);
                float scale = d * (0.5f + (rest >>> 28)) * 0.25f;
                for (int l = 0; l < 4; l++) {
                    Codebook.IQ2_XXS.signed(u8(tensor, points + l), scale, Signs.of7(rest >>> 7 * l & 127),
                            target, at + 256 * b + 32 * group + 8 * l);
                }
            }
        }
    }
}
