package org.setun.quant.blocks;

/** Chooses what the values of a block share. Not free-threaded: a fit may keep scratch. */
@FunctionalInterface
interface BlockFit {

    /** Sets the halves and the integers of {@code block} for its values and weights, which are not all zero. */
    void fit(Block block);
}
