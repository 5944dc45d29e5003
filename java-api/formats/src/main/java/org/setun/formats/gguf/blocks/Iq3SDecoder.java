package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * IQ3_S: f16 scale, 64 bytes of low point bits, 8 bytes with one high bit for each of eight points, 32 bytes of signs, 4 bytes with a 4-bit
 * scale s per 32 values, low nibble first; the values of a point count 2s + 1 each.
 */
public final class Iq3SDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 110;
            float d = f16(tensor, block);
            for (int point = 0; point < 64; point++) {
                int high = u8(tensor, block + 66 + point / 8) >> point % 8 & 1;
                float scale = d * (1 + 2 * (u8(tensor, block + 106 + point / 16) >> 4 * (point / 8 % 2) & 15));
                int signs = u8(tensor, block + 74 + point / 2) >> 4 * (point % 2);
                Codebook.IQ3_S.signed(u8(tensor, block + 2 + point) | high << 8, scale, signs, target, at + 256 * b + 4 * point);
            }
        }
    }
}
