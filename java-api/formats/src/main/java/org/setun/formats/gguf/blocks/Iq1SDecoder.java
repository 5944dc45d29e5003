package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.i16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * IQ1_S: f16 scale, 32 bytes of low point bits, then per 32 values 16 bits: three high bits for each of four points, a 3-bit scale s, and on
 * top the sign of a shift by 1/8. A value is (2s + 1)(point + shift).
 */
public final class Iq1SDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 50;
            float d = f16(tensor, block);
            for (int group = 0; group < 8; group++) {
                int rest = Short.toUnsignedInt(i16(tensor, block + 34 + 2 * group));
                float scale = d * (2 * (rest >> 12 & 7) + 1);
                float shift = (rest & 0x8000) != 0 ? -Codebook.IQ1_SHIFT : Codebook.IQ1_SHIFT;
                for (int l = 0; l < 4; l++) {
                    int point = u8(tensor, block + 2 + 4 * group + l) | (rest >> 3 * l & 7) << 8;
                    Codebook.IQ1.shifted(point, scale, shift, target, at + 256 * b + 32 * group + 8 * l);
                }
            }
        }
    }
}
