package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.BlockFormat;

/**
 * Rewrites blocks of a type without kernels as those of a format that has them, with the same values: both are small whole numbers times one
 * f16 scale, which is carried over bit for bit.
 *
 * <p>A block whose scale is set to 1 decodes to its whole numbers, so the one decoder of each type tells its layout here, too.
 *
 * @param type       of the blocks
 * @param scaleAt    where their f16 scale lies
 * @param format     of the result: {@link BlockFormat#Q8_0} or {@link BlockFormat#PI_Q2}
 */
record Transcoder(GgmlType type, int scaleAt, BlockFormat format) {

    private static final byte[] ONE = {0, 0x3c}; // as f16
    private static final int PI_LEAST = -2;
    private static final int PI_MOST = 1;
    private static final int PI_CODES_IN_BYTE = 4;

    /** What rewrites blocks of {@code type}; null if they have no equal among the formats with kernels, or need none. */
    static @Nullable Transcoder of(@Nullable GgmlType type) {
        if (type == null) {
            return null;
        }
        return switch (type) {
            case TQ1_0 -> new Transcoder(type, 52, BlockFormat.PI_Q2);
            case TQ2_0 -> new Transcoder(type, 64, BlockFormat.PI_Q2);
            case Q5_0, Q1_0, Q2_0, IQ4_NL -> new Transcoder(type, 0, BlockFormat.Q8_0);
            default -> null;
        };
    }

    /**
     * Rewrites a matrix block by block.
     *
     * @param blocks whole blocks of {@link #type}
     * @param out    room for the same values as blocks of {@link #format}
     * @return whether it could be done; if not, a code has no equal (TQ2_0 can hold 2, which no encoder writes), and {@code out} is meaningless
     */
    boolean transcode(MemorySegment blocks, MemorySegment out) {
        byte[] block = new byte[type.blockBytes()];
        MemorySegment view = MemorySegment.ofArray(block);
        float[] numbers = new float[type.blockSize()];
        byte[] scale = new byte[2];
        byte[] to = new byte[format.blockBytes()];
        long count = blocks.byteSize() / block.length;
        for (long b = 0, at = 0; b < count; b++) {
            MemorySegment.copy(blocks, ValueLayout.JAVA_BYTE, b * block.length, block, 0, block.length);
            System.arraycopy(block, scaleAt, scale, 0, 2);
            System.arraycopy(ONE, 0, block, scaleAt, 2);
            Dequantizer.decode(type, view, 0, numbers.length, numbers, 0);
            for (int first = 0; first < numbers.length; first += format.blockValues(), at += to.length) {
                if (!write(numbers, first, scale, to)) {
                    return false;
                }
                MemorySegment.copy(to, 0, out, ValueLayout.JAVA_BYTE, at, to.length);
            }
        }
        return true;
    }

    private boolean write(float[] numbers, int first, byte[] scale, byte[] to) {
        if (format == BlockFormat.PI_Q2) {
            return writePi(numbers, first, scale, to);
        }
        System.arraycopy(scale, 0, to, 0, 2);
        for (int i = 0; i < format.blockValues(); i++) {
            to[2 + i] = (byte) numbers[first + i];
        }
        return true;
    }

    /** Codes of two bits from the lowest up, then the step. */
    private boolean writePi(float[] numbers, int first, byte[] scale, byte[] to) {
        int codes = format.blockValues() / PI_CODES_IN_BYTE;
        for (int i = 0; i < codes; i++) {
            int four = 0;
            for (int j = 0; j < PI_CODES_IN_BYTE; j++) {
                int number = (int) numbers[first + PI_CODES_IN_BYTE * i + j];
                if (number > PI_MOST) {
                    return false;
                }
                four |= (number - PI_LEAST) << 2 * j;
            }
            to[i] = (byte) four;
        }
        System.arraycopy(scale, 0, to, codes, 2);
        return true;
    }
}
