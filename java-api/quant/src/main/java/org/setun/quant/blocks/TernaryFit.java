package org.setun.quant.blocks;

import java.util.Arrays;

/**
 * Minus, zero or plus one scale, found exactly: the values that do not become zero are the k largest for some k, their scale is their mean
 * magnitude, and what they remove of the square error is (Σw|x|)² / Σw; the best k comes from one pass over the sorted magnitudes.
 */
final class TernaryFit implements BlockFit {

    private final HalfSearch halves = new HalfSearch(new GridSearch(-1, 1, 1, 1, 1));
    private long[] sorted = new long[0];

    @Override
    public void fit(Block block) {
        if (sorted.length != block.size) {
            sorted = new long[block.size];
        }
        for (int i = 0; i < block.size; i++) { // fp32 bits of a magnitude rise with it
            sorted[i] = (long) Float.floatToIntBits((float) Math.abs(block.values[i])) << Integer.SIZE | i;
        }
        Arrays.sort(sorted);
        double magnitudes = 0;
        double weights = 0;
        double best = -1;
        double scale = 0;
        double largest = Math.abs(block.values[(int) sorted[block.size - 1]]);
        for (int k = block.size - 1; k >= 0; k--) {
            int i = (int) sorted[k];
            magnitudes += block.weights[i] * Math.abs(block.values[i]);
            weights += block.weights[i];
            double gain = weights > 0 ? magnitudes * magnitudes / weights : 0;
            if (gain > best) {
                best = gain;
                scale = magnitudes / weights;
            }
        }
        halves.start();
        halves.attempt(block, scale);
        if (Block.coarse(halves.best)) {
            halves.attempt(block, largest);
        }
        block.scale = halves.best;
    }
}
