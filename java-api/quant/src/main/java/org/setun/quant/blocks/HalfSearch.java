package org.setun.quant.blocks;

/** Half precision is coarse below 2⁻¹⁴ and never exact: which half serves a scale best is found by rounding the block with it. */
final class HalfSearch {

    private final GridSearch grid;

    /** The half that rounded the block with the least error since {@link #start}, and that error. */
    short best;
    double error;

    HalfSearch(GridSearch grid) {
        this.grid = grid;
    }

    /** Forgets the last block. */
    void start() {
        best = 0;
        error = Double.POSITIVE_INFINITY;
    }

    /** Tries the halves at and beside {@code step} on a grid through zero. */
    void attempt(Block block, double step) {
        short nearest = block.half(step);
        for (int direction = -1; direction <= 1; direction++) {
            short half = direction == 0 ? nearest : Block.neighbour(nearest, direction);
            double e = grid.error(block.values, block.weights, 0, block.size, block.scaled(half), 0);
            if (e < error) {
                error = e;
                best = half;
            }
        }
    }
}
