package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * IQ2_S: f16 scale, 32 bytes of low point bits, 32 bytes of signs, 8 bytes with two high bits for each of four points, 8 bytes of 4-bit
 * scales as in IQ2_XS.
 */
public final class Iq2SDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 82;
            float d = f16(tensor, block);
            for (int point = 0; point < 32; point++) {
                int high = u8(tensor, block + 66 + point / 4) >> 2 * (point % 4) & 3;
                float scale = d * (0.5f + (u8(tensor, block + 74 + point / 4) >> 4 * (point / 2 % 2) & 15)) * 0.25f;
                Codebook.IQ2_S.signed(u8(tensor, block + 2 + point) | high << 8, scale, u8(tensor, block + 34 + point),
                        target, at + 256 * b + 8 * point);
            }
        }
    }
}
