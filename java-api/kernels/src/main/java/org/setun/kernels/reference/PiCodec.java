package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.setun.kernels.reference.BlockRecord.Plane;

import static org.setun.kernels.reference.BlockRecord.VALUES;
import static org.setun.kernels.reference.BlockRecord.get;
import static org.setun.kernels.reference.BlockRecord.half;
import static org.setun.kernels.reference.BlockRecord.put;
import static org.setun.kernels.reference.BlockRecord.putHalf;

/**
 * Blocks of the pi formats, as {@link PiBlocks} writes them.
 *
 * @param bits      2 or 3
 * @param symmetric levels are those of the parameters; else the codes less their half
 */
record PiCodec(int bits, boolean symmetric) implements BlockCodec {

    private static final int D = 0;
    private static final int LEVELS_ZERO = 128;
    private static final Plane[] TWO = {new Plane(64, 4, 1, 0, 2, 0)};
    private static final Plane[] THREE = {new Plane(64, 8, 3, 0, 2, 0), new Plane(64, 8, 3, 2, 1, 2)};

    /** The parameters of a packed matrix: 128 more than the level of each code, again and again; zeros without levels of its own. */
    @Override
    public void parameters(int parameter, byte[] parameters) {
        if (!symmetric) {
            return;
        }
        int half = 1 << bits - 1;
        int magnitudes = parameter != 0 ? parameter : bits == 2 ? 38 | 127 << 8 : 14 | 44 << 8 | 80 << 16 | 127 << 24;
        for (int i = 0; i < parameters.length; i++) {
            int code = i % (2 * half);
            int magnitude = magnitudes >> 8 * (code >= half ? code - half : half - 1 - code) & 127;
            parameters[i] = (byte) (LEVELS_ZERO + (code >= half ? magnitude : -magnitude));
        }
    }

    @Override
    public void pack(byte[] file, int row, byte[] record) {
        byte[] bytes = new byte[VALUES];
        PiBlocks.codes(MemorySegment.ofArray(file), 0, bits, bytes);
        int[] codes = new int[VALUES];
        for (int i = 0; i < VALUES; i++) {
            codes[i] = bytes[i];
        }
        put(record, row, codes, bits == 2 ? TWO : THREE);
        putHalf(record, D, row, file, VALUES * bits / 8);
    }

    @Override
    public BlockWeights read(byte[] parameters, byte[] record, int row) {
        int[] codes = get(record, row, bits == 2 ? TWO : THREE);
        for (int i = 0; i < VALUES; i++) {
            codes[i] = symmetric ? (parameters[codes[i]] & 0xFF) - LEVELS_ZERO : codes[i] - (1 << bits - 1);
        }
        return BlockWeights.whole(codes, new int[]{1}, half(record, D, row));
    }
}
