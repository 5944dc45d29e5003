package org.setun.quant.blocks;

/** Plus or minus one scale: the best is the mean magnitude. A step of twice the scale and an offset of once give the two values. */
final class SignFit implements BlockFit {

    @Override
    public void fit(Block block) {
        double magnitudes = 0;
        double weights = 0;
        for (int i = 0; i < block.size; i++) {
            magnitudes += block.weights[i] * Math.abs(block.values[i]);
            weights += block.weights[i];
        }
        block.scale = block.half(magnitudes / weights);
        block.min = block.scale;
        block.groupScales[0] = 2;
        block.groupMins[0] = 1;
    }
}
