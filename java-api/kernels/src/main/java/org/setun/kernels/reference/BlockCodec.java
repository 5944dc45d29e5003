package org.setun.kernels.reference;

import org.setun.kernels.BlockFormat;

/** One format: a row's blocks of a file to a packed record, and a record's weights. */
interface BlockCodec {

    /** Writes what the format keeps in the first bytes of a packed matrix, which are zeros. */
    default void parameters(int parameter, byte[] parameters) {
    }

    /** Writes row {@code row} of a record that was zero; {@code file} holds the row's blocks, up to 256 values. */
    void pack(byte[] file, int row, byte[] record);

    /** The weights of a row; {@code parameters} are the first bytes of the packed matrix. */
    BlockWeights read(byte[] parameters, byte[] record, int row);

    static BlockCodec of(BlockFormat format) {
        return switch (format) {
            case Q4_0 -> new GgufBlocks.Q4();
            case Q8_0 -> new GgufBlocks.Q8();
            case Q2_K -> new GgufBlocks.Q2K();
            case Q3_K -> new GgufBlocks.Q3K();
            case Q4_K -> new GgufBlocks.Q4K();
            case Q5_K -> new GgufBlocks.Q5K();
            case Q6_K -> new GgufBlocks.Q6K();
            case E8P_2 -> new E8pBlocks(2);
            case E8P_3 -> new E8pBlocks(3);
            case E8P_4 -> new E8pBlocks(4);
            case PI_Q2, PI_TAN2 -> new PiCodec(2, format == BlockFormat.PI_TAN2);
            case PI_Q3, PI_TAN3 -> new PiCodec(3, format == BlockFormat.PI_TAN3);
        };
    }
}
