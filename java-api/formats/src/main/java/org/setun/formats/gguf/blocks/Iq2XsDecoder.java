package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.i16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * IQ2_XS: f16 scale, 32 numbers of 16 bits (9 for the point, 7 for the signs above), 8 bytes with a 4-bit scale s per 16 values, low nibble
 * first; the values of a point count (s + 1/2) / 4 each.
 */
public final class Iq2XsDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 74;
            float d = f16(tensor, block);
            for (int point = 0; point < 32; point++) {
                int number = Short.toUnsignedInt(i16(tensor, block + 2 + 2 * point));
                float scale = d * (0.5f + (u8(tensor, block + 66 + point / 4) >> 4 * (point / 2 % 2) & 15)) * 0.25f;
                Codebook.IQ2_XS.signed(number & 511, scale, Signs.of7(number >> 9), target, at + 256 * b + 8 * point);
            }
        }
    }
}
