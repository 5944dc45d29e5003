package org.setun.quant.pi;

import java.lang.foreign.MemorySegment;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiScaling;
import org.setun.quant.format.QuantizationError;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightRows;

/**
 * Chooses the shape K of a tangent grid for a matrix: of a few shapes, from heavy tails to nearly uniform, the one with the least squared
 * error on blocks taken evenly from all of its rows.
 */
record TangentShape(int bits, ScaleChoice scale) {

    private static final int[] SHAPES_OF_TWO_BITS = {4, 5, 6, 7, 8, 10, 14, 24};
    private static final int[] SHAPES_OF_THREE_BITS = {8, 9, 10, 11, 12, 14, 17, 24, 48};
    private static final int SAMPLED_BLOCKS = 192;

    TangentShape {
        if (scale == ScaleChoice.SIGMA) {
            throw new IllegalArgumentException("scale = sigma needs a constant k, which pi-tan has not: use search or absmax");
        }
    }

    /** The shape whose levels are closest to the best ones for normally distributed values. */
    static int normal(int bits) {
        return bits == 2 ? 8 : 14;
    }

    /**
     * Factors of the largest magnitude: first that which puts it on the outermost level, then down by twelfths of an octave; last, one
     * twelfth above, for blocks without tails.
     */
    static PiScaling scaling(ScaleChoice scale) {
        if (scale == ScaleChoice.ABSMAX) {
            return new PiScaling(PiScaling.Base.ABSMAX, false, 1f / PiGrid.LARGEST_LEVEL);
        }
        float[] factors = new float[PiQuantConfig.SEARCH_POINTS];
        for (int c = 0; c < factors.length - 1; c++) {
            factors[c] = factor(-c);
        }
        factors[factors.length - 1] = factor(1);
        return new PiScaling(PiScaling.Base.ABSMAX, false, factors);
    }

    private static float factor(int twelfths) {
        return (float) (StrictMath.pow(2, twelfths / 12.0) / PiGrid.LARGEST_LEVEL);
    }

    WeightFormat fit(WeightRows weights) {
        long blocksPerRow = weights.columns() / PiGrid.BLOCK;
        long blocks = Math.multiplyExact(weights.rows(), blocksPerRow);
        int taken = (int) Math.min(blocks, SAMPLED_BLOCKS);
        float[] sample = new float[taken * PiGrid.BLOCK];
        float[] row = new float[weights.columns()];
        long present = -1;
        for (int i = 0; i < taken; i++) {
            long block = (long) ((double) i / taken * blocks);
            if (block / blocksPerRow != present) {
                present = block / blocksPerRow;
                weights.read(present, row, 0);
            }
            System.arraycopy(row, Math.toIntExact(block % blocksPerRow) * PiGrid.BLOCK, sample, i * PiGrid.BLOCK, PiGrid.BLOCK);
        }
        return best(sample);
    }

    private WeightFormat best(float[] sample) {
        PiFormat best = PiFormat.tangent(bits, normal(bits), scale);
        double least = error(best, sample);
        for (int shape : bits == 2 ? SHAPES_OF_TWO_BITS : SHAPES_OF_THREE_BITS) {
            PiFormat candidate = PiFormat.tangent(bits, shape, scale);
            double error = error(candidate, sample);
            if (error < least) {
                least = error;
                best = candidate;
            }
        }
        return best;
    }

    private static double error(PiFormat format, float[] sample) {
        MemorySegment blocks = MemorySegment.ofArray(new byte[Math.toIntExact(format.rowBytes(sample.length))]);
        float[] stored = new float[sample.length];
        format.encode(sample, 0, sample.length, null, blocks, 0);
        format.decode(blocks, 0, sample.length, stored, 0);
        QuantizationError error = new QuantizationError();
        error.add(sample, 0, stored, 0, sample.length);
        return sample.length == 0 ? 0 : error.mse();
    }
}
