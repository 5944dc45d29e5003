package org.setun.quant.blocks;

/** One half-precision scale and one half-precision minimum of any sign: Q4_1, Q5_1. */
final class AffineFit implements BlockFit {

    private final GridSearch grid;
    private final int most;
    private double leastError;

    AffineFit(int most, double firstSpan, double lastSpan, int candidates) {
        this.most = most;
        this.grid = new GridSearch(0, most, firstSpan, lastSpan, candidates);
    }

    @Override
    public void fit(Block block) {
        grid.affine(block.values, block.weights, 0, block.size, true, true);
        double step = grid.step;
        double offset = grid.offset;
        leastError = Double.POSITIVE_INFINITY;
        around(block, step, offset);
        if (leastError < GridSearch.EXACT * block.energy() || Block.coarse(block.scale) || Block.coarse(block.min)) {
            double least = Double.POSITIVE_INFINITY;
            double greatest = Double.NEGATIVE_INFINITY;
            for (double value : block.values) {
                least = Math.min(least, value);
                greatest = Math.max(greatest, value);
            }
            for (int codes = 1; codes <= most; codes++) {
                around(block, (greatest - least) / codes, -least);
            }
            around(block, Math.max(-least, greatest) / most, 0);
        }
    }

    /** Tries the halves at and beside a step; for each, the offset that its codes ask for, again at and beside. */
    private void around(Block block, double step, double offset) {
        short nearest = block.half(step);
        for (int i = -1; i <= 1; i++) {
            short scale = i == 0 ? nearest : Block.neighbour(nearest, i);
            double d = block.scaled(scale);
            short min = block.half(d == 0 ? offset : refined(block, d, offset));
            for (int j = -1; j <= 1; j++) {
                short m = j == 0 ? min : Block.neighbour(min, j);
                double error = grid.error(block.values, block.weights, 0, block.size, d, block.scaled(m));
                if (error < leastError) {
                    leastError = error;
                    block.scale = scale;
                    block.min = m;
                }
            }
        }
    }

    private double refined(Block block, double step, double offset) {
        grid.sum(block.values, block.weights, 0, block.size, 1 / step, offset);
        double sumW = 0;
        double sumX = 0;
        for (int i = 0; i < block.size; i++) {
            sumW += block.weights[i];
            sumX += block.weights[i] * block.values[i];
        }
        return (step * grid.sumQ - sumX) / sumW;
    }
}
