package org.setun.formats.gguf.blocks;

/** The signs of eight values as the I-quants of 2 and 3 bits keep them: bit j set makes value j negative. */
final class Signs {

    private Signs() {
    }

    /** Seven stored signs, and the eighth that makes the number of negative values even. */
    static int of7(int bits) {
        return bits | (Integer.bitCount(bits) & 1) << 7;
    }

    /** 1 or -1 for value {@code j}. */
    static float of(int signs, int j) {
        return 1 - 2 * (signs >> j & 1);
    }
}
