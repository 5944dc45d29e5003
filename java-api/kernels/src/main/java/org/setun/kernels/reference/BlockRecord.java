package org.setun.kernels.reference;

/** Reads and writes the parts of packed records that several formats have: {@code setun/blockquant.h} has their layout. */
final class BlockRecord {

    static final int VALUES = 256;
    static final int HALVES = 32; // bytes of 16 f16

    private BlockRecord() {
    }

    /**
     * Where bits of codes lie.
     *
     * @param at      of the codes in the record
     * @param fields  runs of 32 values that share the vectors of a step
     * @param vectors of 64 bytes in a step
     * @param first   of these that holds the bits
     * @param bits    how many
     * @param low     the lowest of them in the code
     */
    record Plane(int at, int fields, int vectors, int first, int bits, int low) {

        /** The byte of value {@code i} of a row. */
        private int at(int i, int row) {
            int step = 8 * (i / (32 * fields)) + i % 32 / 4;
            int field = i / 32 % fields;
            return at + 64 * (step * vectors + first + field * bits / 8) + 4 * row + i % 4;
        }

        private int shift(int i) {
            return i / 32 % fields * bits % 8;
        }

        private int mask() {
            return (1 << bits) - 1;
        }
    }

    static void put(byte[] record, int row, int[] codes, Plane... planes) {
        for (Plane plane : planes) {
            for (int i = 0; i < VALUES; i++) {
                record[plane.at(i, row)] |= (byte) ((codes[i] >> plane.low & plane.mask()) << plane.shift(i));
            }
        }
    }

    static int[] get(byte[] record, int row, Plane... planes) {
        int[] codes = new int[VALUES];
        for (Plane plane : planes) {
            for (int i = 0; i < VALUES; i++) {
                codes[i] |= (record[plane.at(i, row)] >> plane.shift(i) & plane.mask()) << plane.low;
            }
        }
        return codes;
    }

    static void putHalf(byte[] record, int halves, int row, byte[] file, int at) {
        System.arraycopy(file, at, record, halves + 2 * row, 2);
    }

    static float half(byte[] record, int halves, int row) {
        int at = halves + 2 * row;
        return Float.float16ToFloat((short) (record[at] & 255 | record[at + 1] << 8));
    }

    /** Sixteen numbers of six bits. */
    static void putSix(byte[] record, int six, int row, int[] numbers) {
        for (int j = 0; j < 16; j++) {
            record[six + 64 * (j / 4 % 2) + 4 * row + j % 4] |= (byte) ((numbers[j] & 15) << 4 * (j / 8));
            record[six + 128 + 4 * row + j % 4] |= (byte) (numbers[j] >> 4 << 2 * (j / 4));
        }
    }

    /** Numbers {@code first .. first + count - 1} of them. */
    static int[] six(byte[] record, int six, int row, int first, int count) {
        int[] numbers = new int[count];
        for (int i = 0; i < count; i++) {
            int j = first + i;
            int low = record[six + 64 * (j / 4 % 2) + 4 * row + j % 4] >> 4 * (j / 8) & 15;
            numbers[i] = low | (record[six + 128 + 4 * row + j % 4] >> 2 * (j / 4) & 3) << 4;
        }
        return numbers;
    }

    /** Where byte {@code j} of 16 of a row lies. */
    static int byteAt(int bytes, int row, int j) {
        return bytes + 64 * (j / 4) + 4 * row + j % 4;
    }
}
