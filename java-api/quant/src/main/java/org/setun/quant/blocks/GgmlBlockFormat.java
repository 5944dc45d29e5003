package org.setun.quant.blocks;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.setun.formats.gguf.GgmlType;
import org.setun.quant.format.BlockRounder;
import org.setun.quant.format.GgmlFormat;

/**
 * A GGUF block type: codes {@code least} to {@code most} on a grid of equal steps per group.
 *
 * @param groupValues values that share a scale
 * @param integers whether groups have integer scales under the block's half-precision ones
 * @param reach the greatest value, of either sign, in units of a half-precision scale
 * @param fit makes the scratch of one rounder
 */
record GgmlBlockFormat(GgmlType type, int groupValues, int least, int most, boolean integers, int reach,
        Supplier<BlockFit> fit, Packing packing) implements GgmlFormat {

    private static final float MAX_HALF = 65504;

    @Override
    public BlockRounder newRounder() {
        return new Rounder();
    }

    private final class Rounder implements BlockRounder {

        private final Block block = new Block(blockSize(), groupValues);
        private final BlockFit fitter = fit.get();
        private final double[] inverses = new double[block.groups];

        @Override
        public void fit(float[] values, int from, float @Nullable [] importance) {
            block.scale = 0;
            block.min = 0;
            Arrays.fill(block.groupScales, 0);
            Arrays.fill(block.groupMins, 0);
            if (block.load(values, from, importance, reach * MAX_HALF)) {
                fitter.fit(block);
            }
            block.finish(integers);
            for (int g = 0; g < block.groups; g++) {
                inverses[g] = block.steps[g] == 0 ? 0 : 1.0 / block.steps[g];
            }
        }

        @Override
        public void round(int index, float[] values, int from, float[] rounded, int to) {
            int group = index / groupValues;
            int code = (int) Math.clamp((long) Math.rint(((double) values[from] + block.offsets[group]) * inverses[group]), least, most);
            block.codes[index] = (byte) code;
            rounded[to] = block.steps[group] * code - block.offsets[group];
        }

        @Override
        public void write(MemorySegment blocks, long at) {
            packing.write(block, blocks, at);
        }
    }
}
