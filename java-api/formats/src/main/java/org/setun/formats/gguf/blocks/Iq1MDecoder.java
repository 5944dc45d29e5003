package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.i16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * IQ1_M: 32 bytes of low point bits, 16 bytes with three high bits and the shift's sign for each of two points, then four numbers of 16 bits
 * with four 3-bit scales (for 16 values each) below and four bits of the f16 scale on top. A value is (2s + 1)(point + shift) as in IQ1_S.
 */
public final class Iq1MDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 56;
            int half = 0;
            for (int i = 0; i < 4; i++) {
                half |= (Short.toUnsignedInt(i16(tensor, block + 48 + 2 * i)) >> 12) << 4 * i;
            }
            float d = Float.float16ToFloat((short) half);
            for (int point = 0; point < 32; point++) {
                int scales = Short.toUnsignedInt(i16(tensor, block + 48 + 2 * (point / 8)));
                float scale = d * (2 * (scales >> 3 * (point / 2 % 4) & 7) + 1);
                int rest = u8(tensor, block + 32 + point / 2) >> 4 * (point % 2) & 15;
                float shift = (rest & 8) != 0 ? -Codebook.IQ1_SHIFT : Codebook.IQ1_SHIFT;
                Codebook.IQ1.shifted(u8(tensor, block + point) | (rest & 7) << 8, scale, shift, target, at + 256 * b + 8 * point);
            }
        }
    }
}
