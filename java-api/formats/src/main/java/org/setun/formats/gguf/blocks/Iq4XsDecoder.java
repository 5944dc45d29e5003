package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.i16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * IQ4_XS: f16 scale, 16 bits with the two high bits of eight scales, 4 bytes with their low nibbles, 128 bytes of codes; each 32 values are
 * laid out as in IQ4_NL and count scale - 32.
 */
public final class Iq4XsDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 136;
            float d = f16(tensor, block);
            int high = Short.toUnsignedInt(i16(tensor, block + 2));
            for (int group = 0; group < 8; group++) {
                int low = u8(tensor, block + 4 + group / 2) >> 4 * (group % 2) & 15;
                float scale = d * ((low | (high >> 2 * group & 3) << 4) - 32);
                for (int j = 0; j < 16; j++) {
                    int pair = u8(tensor, block + 8 + 16 * group + j);
                    target[at + 256 * b + 32 * group + j] = scale * Iq4NlDecoder.LEVELS[pair & 15];
                    target[at + 256 * b + 32 * group + 16 + j] = scale * Iq4NlDecoder.LEVELS[pair >> 4];
                }
            }
        }
    }
}
