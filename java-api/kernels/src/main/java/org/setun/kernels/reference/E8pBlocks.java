package org.setun.kernels.reference;

import org.setun.kernels.E8pPoints;
import org.setun.kernels.reference.BlockRecord.Plane;

/**
 * Points of E8P. Records hold the integers that the points stand for, so that products need no codebook.
 *
 * @param bits 2, 3 or 4
 */
record E8pBlocks(int bits) implements BlockCodec {

    private static final int GROUPS = BlockRecord.VALUES / E8pPoints.DIMENSION;
    private static final int SHIFTS = 64;
    private static final Plane[] TWO = {new Plane(128, 8, 3, 0, 2, 2), new Plane(128, 8, 3, 2, 1, 1)};
    private static final Plane[] THREE = {new Plane(64, 8, 5, 0, 4, 0), new Plane(64, 8, 5, 4, 1, 4)};
    private static final Plane[] FOUR = {new Plane(64, 1, 1, 0, 8, 0)};

    /** What is added to an integer to make it a code; 2 bits then halve it. */
    private int zero() {
        return switch (bits) {
            case 2 -> 11;
            case 3 -> 15;
            default -> 128;
        };
    }

    private Plane[] planes() {
        return bits == 2 ? TWO : bits == 3 ? THREE : FOUR;
    }

    @Override
    public void pack(byte[] file, int row, byte[] record) {
        int[] codes = new int[BlockRecord.VALUES];
        for (int g = 0; g < GROUPS; g++) {
            int second = switch (bits) {
                case 2 -> 0;
                case 3 -> file[2 * GROUPS + g] & 255;
                default -> word(file, 2 * GROUPS + 2 * g);
            };
            E8pPoints.integers(bits, word(file, 2 * g) | second << 16, codes, E8pPoints.DIMENSION * g);
        }
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (codes[i] + zero()) / (bits == 2 ? 2 : 1);
        }
        if (bits == 2) {
            for (int g = 0; g < GROUPS; g++) {
                record[SHIFTS + 4 * row + g % 4] |= (byte) ((codes[E8pPoints.DIMENSION * g] & 1) << g / 4);
            }
        }
        BlockRecord.put(record, row, codes, planes());
        BlockRecord.putHalf(record, 0, row, file, file.length - 2);
    }

    private static int word(byte[] file, int at) {
        return file[at] & 255 | (file[at + 1] & 255) << 8;
    }

    @Override
    public BlockWeights read(byte[] parameters, byte[] record, int row) {
        int[] codes = BlockRecord.get(record, row, planes());
        for (int i = 0; i < codes.length; i++) {
            int g = i / E8pPoints.DIMENSION;
            int shift = bits == 2 ? record[SHIFTS + 4 * row + g % 4] >> g / 4 & 1 : 0;
            codes[i] = (bits == 2 ? 2 * (codes[i] | shift) : codes[i]) - zero();
        }
        return BlockWeights.whole(codes, new int[]{1}, BlockRecord.half(record, 0, row));
    }
}
