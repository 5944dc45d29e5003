package org.setun.quant.lattice;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.E8pPoints;
import org.setun.quant.format.BlockRounder;
import org.setun.quant.format.WeightFormat;

/**
 * Weights as points of the lattice codebook E8P: blocks of 256 values, 32 groups of eight, with one f16 step at the end. The value is
 * step · integer. Bytes: {@code docs/formats.md}.
 *
 * <table>
 * <caption>Blocks</caption>
 * <tr><th>bits</th><th>bytes</th><th>content</th><th>integers</th></tr>
 * <tr><td>2</td><td>66</td><td>32 codes u16</td><td>odd, to 11</td></tr>
 * <tr><td>3</td><td>98</td><td>32 codes u16, 32 second codes u8</td><td>to 15</td></tr>
 * <tr><td>4</td><td>130</td><td>32 codes u16, 32 second codes u16</td><td>odd, to 99</td></tr>
 * </table>
 *
 * @param bits per value, without the step
 */
public record E8pFormat(int bits) implements WeightFormat {

    static final int BLOCK = 256;
    static final int GROUPS = BLOCK / E8pPoints.DIMENSION;
    static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Checks the bits. */
    public E8pFormat {
        new E8pGrid(bits);
    }

    @Override
    public String name() {
        return bits == 2 ? "e8p" : "e8p:bits=" + bits;
    }

    @Override
    public int blockSize() {
        return BLOCK;
    }

    @Override
    public int blockBytes() {
        return BLOCK * bits / 8 + Short.BYTES;
    }

    @Override
    public int groupSize() {
        return E8pPoints.DIMENSION;
    }

    @Override
    public Optional<GgmlType> ggmlType() {
        return Optional.empty();
    }

    @Override
    public Optional<BlockFormat> kernel() {
        return Optional.of(switch (bits) {
            case 2 -> BlockFormat.E8P_2;
            case 3 -> BlockFormat.E8P_3;
            default -> BlockFormat.E8P_4;
        });
    }

    @Override
    public BlockRounder newRounder() {
        return new E8pRounder(new E8pGrid(bits));
    }

    @Override
    public void decode(MemorySegment blocks, long at, int count, float[] values, int to) {
        E8pGrid grid = new E8pGrid(bits);
        int[] point = new int[E8pPoints.DIMENSION];
        for (int i = 0; i < count; i += point.length) {
            long block = at + (long) (i / BLOCK) * blockBytes();
            float step = Float.float16ToFloat(blocks.get(SHORT, block + blockBytes() - Short.BYTES));
            grid.integers(codes(blocks, block, i % BLOCK / point.length), point);
            for (int j = 0; j < point.length; j++) {
                values[to + i + j] = step * point[j];
            }
        }
    }

    private int codes(MemorySegment blocks, long block, int group) {
        int code = Short.toUnsignedInt(blocks.get(SHORT, block + 2L * group));
        long second = block + 2L * GROUPS;
        return switch (bits) {
            case 2 -> code;
            case 3 -> code | Byte.toUnsignedInt(blocks.get(ValueLayout.JAVA_BYTE, second + group)) << 16;
            default -> code | Short.toUnsignedInt(blocks.get(SHORT, second + 2L * group)) << 16;
        };
    }
}
