package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.i32;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * IQ3_XXS: f16 scale, 64 point numbers of four values each, then per 32 values four times seven signs and a 4-bit scale s as in IQ2_XXS; the
 * values of a point count (s + 1/2) / 2 each.
 */
public final class Iq3XxsDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 98;
            float d = f16(tensor, block);
            for (int group = 0; group < 8; group++) {
                int rest = i32(tensor, block + 66 + 4 * group);
                float scale = d * (0.5f + (rest >>> 28)) * 0.5f;
                for (int l = 0; l < 8; l++) {
                    int signs = Signs.of7(rest >>> 7 * (l / 2) & 127) >> 4 * (l % 2);
                    Codebook.IQ3_XXS.signed(u8(tensor, block + 2 + 8 * group + l), scale, signs, target,
                            at + 256 * b + 32 * group + 4 * l);
                }
            }
        }
    }
}
