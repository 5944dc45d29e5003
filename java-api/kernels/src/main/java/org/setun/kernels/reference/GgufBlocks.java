package org.setun.kernels.reference;

import org.setun.kernels.reference.BlockRecord.Plane;

import static org.setun.kernels.reference.BlockRecord.HALVES;
import static org.setun.kernels.reference.BlockRecord.VALUES;
import static org.setun.kernels.reference.BlockRecord.byteAt;
import static org.setun.kernels.reference.BlockRecord.get;
import static org.setun.kernels.reference.BlockRecord.half;
import static org.setun.kernels.reference.BlockRecord.put;
import static org.setun.kernels.reference.BlockRecord.putHalf;
import static org.setun.kernels.reference.BlockRecord.putSix;
import static org.setun.kernels.reference.BlockRecord.six;

/** Block types of GGUF. How files lay out their blocks: {@code docs/formats.md}. */
final class GgufBlocks {

    private static final int SMALL = 32; // values of a block of Q4_0 and Q8_0

    private GgufBlocks() {
    }

    private static int[] less(int zero, int[] codes) {
        for (int i = 0; i < codes.length; i++) {
            codes[i] -= zero;
        }
        return codes;
    }

    private static float[] halves(byte[] record, int at, int row) {
        float[] values = new float[VALUES / SMALL];
        for (int j = 0; j < values.length; j++) {
            values[j] = half(record, at + HALVES * j, row);
        }
        return values;
    }

    /** 16 bytes. */
    private static void putBytes(byte[] record, int at, int row, byte[] file, int from) {
        for (int j = 0; j < 16; j++) {
            record[byteAt(at, row, j)] = file[from + j];
        }
    }

    /** Eight blocks of 32 values, each an f16 step and its codes, which are kept raised to be positive. */
    private abstract static class Small implements BlockCodec {
        private static final int D = 0;
        private static final int AT = 256; // of the codes in a record
        private final int bytes;
        private final int zero;
        private final Plane codes;

        Small(int bytes, int zero, Plane codes) {
            this.bytes = bytes;
            this.zero = zero;
            this.codes = codes;
        }

        /** Code {@code i} of the 32 whose bytes start at {@code at}, raised by {@code zero}. */
        abstract int code(byte[] file, int at, int i);

        @Override
        public void pack(byte[] file, int row, byte[] record) {
            int[] raised = new int[VALUES];
            for (int j = 0; j < file.length / bytes; j++) {
                putHalf(record, D + HALVES * j, row, file, bytes * j);
                for (int i = 0; i < SMALL; i++) {
                    raised[SMALL * j + i] = code(file, bytes * j + 2, i);
                }
            }
            put(record, row, raised, codes);
        }

        @Override
        public BlockWeights read(byte[] parameters, byte[] record, int row) {
            return BlockWeights.real(less(zero, get(record, row, codes)), halves(record, D, row));
        }
    }

    static final class Q4 extends Small {

        Q4() {
            super(18, 8, new Plane(Small.AT, 2, 1, 0, 4, 0));
        }

        @Override
        int code(byte[] file, int at, int i) {
            return file[at + i % 16] >> 4 * (i / 16) & 15;
        }
    }

    static final class Q8 extends Small {

        Q8() {
            super(34, 128, new Plane(Small.AT, 1, 1, 0, 8, 0));
        }

        @Override
        int code(byte[] file, int at, int i) {
            return file[at + i] + 128;
        }
    }

    static final class Q2K implements BlockCodec {
        private static final int SCALES = 0;
        private static final int D = 256;
        private static final Plane[] CODES = {new Plane(320, 4, 1, 0, 2, 0)};

        @Override
        public void pack(byte[] file, int row, byte[] record) {
            int[] codes = new int[VALUES];
            for (int i = 0; i < VALUES; i++) {
                codes[i] = file[16 + 32 * (i / 128) + i % 32] >> 2 * (i / 32 % 4) & 3;
            }
            put(record, row, codes, CODES);
            putBytes(record, SCALES, row, file, 0);
            putHalf(record, D, row, file, 80);
            putHalf(record, D + HALVES, row, file, 82);
        }

        @Override
        public BlockWeights read(byte[] parameters, byte[] record, int row) {
            int[] codes = get(record, row, CODES);
            int[] scales = new int[16];
            int[] minima = new int[16];
            for (int j = 0; j < 16; j++) {
                int both = record[byteAt(SCALES, row, j)];
                scales[j] = both & 15;
                minima[j] = both >> 4 & 15;
            }
            return new BlockWeights(codes, null, scales, minima, half(record, D, row), half(record, D + HALVES, row));
        }
    }

    static final class Q3K implements BlockCodec {
        private static final int SCALES = 0;
        private static final int D = 192;
        private static final Plane[] CODES = {new Plane(256, 8, 3, 0, 2, 0), new Plane(256, 8, 3, 2, 1, 2)};

        @Override
        public void pack(byte[] file, int row, byte[] record) {
            int[] codes = new int[VALUES];
            for (int i = 0; i < VALUES; i++) {
                int low = file[32 + 32 * (i / 128) + i % 32] >> 2 * (i / 32 % 4) & 3;
                codes[i] = low | (file[i % 32] >> i / 32 & 1) << 2;
            }
            int[] scales = new int[16];
            for (int j = 0; j < 16; j++) {
                scales[j] = file[96 + j % 8] >> 4 * (j / 8) & 15 | (file[104 + j % 4] >> 2 * (j / 4) & 3) << 4;
            }
            put(record, row, codes, CODES);
            putSix(record, SCALES, row, scales);
            putHalf(record, D, row, file, 108);
        }

        @Override
        public BlockWeights read(byte[] parameters, byte[] record, int row) {
            int[] codes = get(record, row, CODES);
            return BlockWeights.whole(less(4, codes), less(32, six(record, SCALES, row, 0, 16)), half(record, D, row));
        }
    }

    /** Scales and minima in six bits each, as Q4_K and Q5_K have them in their first 16 bytes. */
    private abstract static class ScalesAndMinima implements BlockCodec {
        private static final int SCALES = 0;
        private static final int D = 192;
        private static final int AT = 256; // of the codes in a record
        private final Plane[] planes;

        ScalesAndMinima(Plane... planes) {
            this.planes = planes;
        }

        /** Code {@code i} of a block. */
        abstract int code(byte[] file, int i);

        /** Four bits of it, of 128 bytes from {@code at} on. */
        static int nibble(byte[] file, int at, int i) {
            return file[at + 32 * (i / 64) + i % 32] >> 4 * (i / 32 % 2) & 15;
        }

        @Override
        public void pack(byte[] file, int row, byte[] record) {
            int[] codes = new int[VALUES];
            for (int i = 0; i < VALUES; i++) {
                codes[i] = code(file, i);
            }
            int[] scalesAndMinima = new int[16];
            for (int j = 0; j < 4; j++) {
                int[] three = {file[4 + j] & 255, file[8 + j] & 255, file[12 + j] & 255};
                scalesAndMinima[j] = three[0] & 63;
                scalesAndMinima[8 + j] = three[1] & 63;
                scalesAndMinima[4 + j] = three[2] & 15 | three[0] >> 6 << 4;
                scalesAndMinima[12 + j] = three[2] >> 4 | three[1] >> 6 << 4;
            }
            put(record, row, codes, planes);
            putSix(record, SCALES, row, scalesAndMinima);
            putHalf(record, D, row, file, 0);
            putHalf(record, D + HALVES, row, file, 2);
        }

        @Override
        public BlockWeights read(byte[] parameters, byte[] record, int row) {
            int[] codes = get(record, row, planes);
            return new BlockWeights(codes, null, six(record, SCALES, row, 0, 8), six(record, SCALES, row, 8, 8), half(record, D, row),
                    half(record, D + HALVES, row));
        }
    }

    static final class Q4K extends ScalesAndMinima {

        Q4K() {
            super(new Plane(ScalesAndMinima.AT, 2, 1, 0, 4, 0));
        }

        @Override
        int code(byte[] file, int i) {
            return nibble(file, 16, i);
        }
    }

    static final class Q5K extends ScalesAndMinima {

        Q5K() {
            super(new Plane(ScalesAndMinima.AT, 8, 5, 0, 4, 0), new Plane(ScalesAndMinima.AT, 8, 5, 4, 1, 4));
        }

        @Override
        int code(byte[] file, int i) {
            return nibble(file, 48, i) | (file[16 + i % 32] >> i / 32 & 1) << 4;
        }
    }

    static final class Q6K implements BlockCodec {
        private static final int SCALES = 0;
        private static final int D = 256;
        private static final Plane[] CODES = {new Plane(320, 4, 3, 0, 4, 0), new Plane(320, 4, 3, 2, 2, 4)};

        @Override
        public void pack(byte[] file, int row, byte[] record) {
            int[] codes = new int[VALUES];
            for (int i = 0; i < VALUES; i++) {
                int half = i / 128;
                int quarter = i / 32 % 4;
                int low = file[64 * half + 32 * (quarter % 2) + i % 32] >> 4 * (quarter / 2) & 15;
                codes[i] = low | (file[128 + 32 * half + i % 32] >> 2 * quarter & 3) << 4;
            }
            put(record, row, codes, CODES);
            putBytes(record, SCALES, row, file, 192);
            putHalf(record, D, row, file, 208);
        }

        @Override
        public BlockWeights read(byte[] parameters, byte[] record, int row) {
            int[] codes = get(record, row, CODES);
            int[] scales = new int[16];
            for (int j = 0; j < 16; j++) {
                scales[j] = record[byteAt(SCALES, row, j)];
            }
            return BlockWeights.whole(less(32, codes), scales, half(record, D, row));
        }
    }
}
