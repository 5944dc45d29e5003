package org.setun.formats.gguf.blocks;

import java.lang.foreign.MemorySegment;

/**
 * TQ1_0: five ternary digits per byte. A byte is a fraction of 256 in base 3, so the next digit is what a multiplication by 3 carries out.
 * 32 bytes hold values 0 to 159, 16 bytes 160 to 239, 4 bytes with four digits each 240 to 255; the f16 scale comes last.
 */
public final class Tq1Decoder implements BlockDecoder {

    @Override
    public void decode(MemorySegment tensor, long first, int blocks, float[] target, int at) {
        for (int b = 0; b < blocks; b++) {
            long block = (first + b) * 54;
            float d = BlockDecoder.f16(tensor, block + 52);
            int to = at + 256 * b;
            digits(tensor, block, 32, 5, d, target, to);
            digits(tensor, block + 32, 16, 5, d, target, to + 160);
            digits(tensor, block + 48, 4, 4, d, target, to + 240);
        }
    }

    /** Digit {@code n} of byte {@code m} goes to {@code to + m + bytes * n}. */
    private static void digits(MemorySegment tensor, long from, int bytes, int count, float d, float[] target, int to) {
        for (int m = 0; m < bytes; m++) {
            int fraction = BlockDecoder.u8(tensor, from + m);
            for (int n = 0; n < count; n++) {
                int carried = 3 * fraction;
                target[to + m + bytes * n] = ((carried >> 8) - 1) * d;
                fraction = carried & 255;
            }
        }
    }
}
