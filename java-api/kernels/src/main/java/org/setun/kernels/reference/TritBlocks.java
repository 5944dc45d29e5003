package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;

import static org.setun.kernels.reference.Segments.i8;

/**
 * GGUF TQ1_0: 256 values in 52 bytes of up to five trits, then two bytes of scale. Trit n of a byte is digit n, most significant first,
 * of the base-3 number q; the byte is ceil(q * 256 / 243), so that multiplying by 3 mod 256 brings digit after digit to the top.
 */
public final class TritBlocks {

    private static final int VALUES = 256;
    private static final int BYTES = 54;

    /** Bytes [at, at + count) hold values [first, first + count * trits): trit n of byte j is value first + n * count + j. */
    private record Part(int at, int count, int first, int trits) {
    }

    private static final Part[] PARTS = {new Part(0, 32, 0, 5), new Part(32, 16, 160, 5), new Part(48, 4, 240, 4)};

    private TritBlocks() {
    }

    /** Writes the digits of {@code codes} i8[blocks][256], each -1, 0 or 1; the scales, last in each block, are left to the caller. */
    public static void encode(MemorySegment codes, long blocks, MemorySegment data) {
        for (long b = 0; b < blocks; b++) {
            for (Part part : PARTS) {
                for (int j = 0; j < part.count; j++) {
                    int q = 0;
                    for (int n = 0; n < 5; n++) {
                        q = 3 * q + (n < part.trits ? i8(codes, b * VALUES + part.first + n * part.count + j) + 1 : 0);
                    }
                    i8(data, b * BYTES + part.at + j, (q * 256 + 242) / 243);
                }
            }
        }
    }

    /** Reads them again. */
    static void decode(MemorySegment data, long blocks, MemorySegment codes) {
        for (long b = 0; b < blocks; b++) {
            for (Part part : PARTS) {
                for (int j = 0; j < part.count; j++) {
                    int digits = i8(data, b * BYTES + part.at + j) & 0xff;
                    for (int n = 0; n < part.trits; n++) {
                        i8(codes, b * VALUES + part.first + n * part.count + j, (digits * 3 >> 8) - 1);
                        digits = digits * 3 & 0xff;
                    }
                }
            }
        }
    }
}
