package org.setun.quant.blocks;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The bytes of GGUF's Q2_0, for codes that rounding chose as for those of a trained ternary matrix. */
public final class Q20Blocks {

    /** Values per block. */
    public static final int VALUES = 64;
    /** Bytes per block. */
    public static final int BYTES = 18;

    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Q20Blocks() {
    }

    /**
     * Writes one block: the scale, then two bits per value, lowest first, of the code plus 1.
     *
     * @param codes {@link #VALUES} codes from index {@code from}, each -1 to 2
     * @param scale the bits of a half
     */
    public static void write(byte[] codes, int from, short scale, MemorySegment blocks, long at) {
        blocks.set(HALF, at, scale);
        for (int i = 0; i < VALUES; i += 4) {
            int bits = 0;
            for (int j = 0; j < 4; j++) {
                bits |= codes[from + i + j] + 1 << 2 * j;
            }
            blocks.set(ValueLayout.JAVA_BYTE, at + 2 + i / 4, (byte) bits);
        }
    }
}
