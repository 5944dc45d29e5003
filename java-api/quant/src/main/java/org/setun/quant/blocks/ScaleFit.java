package org.setun.quant.blocks;

/** One half-precision scale for the whole block and a grid through zero: Q4_0, Q5_0, Q8_0, Q2_0. */
final class ScaleFit implements BlockFit {

    private final GridSearch grid;
    private final HalfSearch halves;
    private final int least;
    private final int most;

    ScaleFit(int least, int most, double firstSpan, double lastSpan, int candidates) {
        this.least = least;
        this.most = most;
        this.grid = new GridSearch(least, most, firstSpan, lastSpan, candidates);
        this.halves = new HalfSearch(grid);
    }

    @Override
    public void fit(Block block) {
        grid.symmetric(block.values, block.weights, 0, block.size, true);
        halves.start();
        halves.attempt(block, grid.step);
        if (halves.error < GridSearch.EXACT * block.energy() || Block.coarse(halves.best)) {
            double largest = 0;
            for (double value : block.values) {
                largest = Math.abs(value) > Math.abs(largest) ? value : largest;
            }
            for (int code = least; code <= most; code++) {
                if (code != 0) {
                    halves.attempt(block, largest / code);
                }
            }
        }
        block.scale = halves.best;
    }
}
