package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

import static org.setun.formats.gguf.blocks.BlockDecoder.f16;
import static org.setun.formats.gguf.blocks.BlockDecoder.u8;

/**
 * Q6_K: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales for 16 values each, f16 scale of the scales. Of a half of 128
 * values, 64 bytes hold the low nibbles of the first 64 (low) and last 64 (high), and bits 2j+1:2j of 32 bytes the high bits of value
 * 32j + l; each code minus 32.
 */
public final class Q6KDecoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 210;
            float d = f16(tensor, block + 208);
            for (int group = 0; group < 16; group++) {
                float scale = d * (byte) u8(tensor, block + 192 + group);
                int half = group / 8;
                long low = block + 64 * half + 16 * (group % 4);
                long high = block + 128 + 32 * half + 16 * (group % 2);
                int lowShift = 4 * (group / 4 % 2);
                int highShift = 2 * (group / 2 % 4);
                for (int l = 0; l < 16; l++) {
                    int code = u8(tensor, low + l) >> lowShift & 15 | (u8(tensor, high + l) >> highShift & 3) << 4;
                    target[at + 256 * b + 16 * group + l] = scale * (code - 32);
                }
            }
        }
    }
}
