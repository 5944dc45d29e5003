package org.setun.nn;

import org.setun.kernels.NnOps;

/**
 * Sizes and variants of a {@link Decoder}.
 *
 * @param vocab      token ids
 * @param dim        values per token
 * @param layers     blocks
 * @param heads      query heads
 * @param kvHeads    key and value heads; divides {@code heads}
 * @param headDim    values per head, even
 * @param ffn        values inside the feed-forward network
 * @param context    most tokens per sequence
 * @param activation of the gate in the feed-forward network
 * @param subNorms   norms before the output and down projections, as in BitNet b1.58 2B4T (arXiv 2504.12285)
 * @param rope       which values rotate together
 * @param ropeTheta  base of the rotary angles
 * @param normEps    added to the mean square in norms
 * @param tiedHead   true if the head is the embedding table
 * @param qkvBias    biases of the query, key and value projections, as in Qwen 2
 * @param headNorms  norms of each query and key head before they are rotated, as in Qwen 3
 */
public record DecoderConfig(int vocab, int dim, int layers, int heads, int kvHeads, int headDim, int ffn, int context, NnOps.Glu activation,
        boolean subNorms, NnOps.Rope rope, float ropeTheta, float normEps, boolean tiedHead, boolean qkvBias,
        boolean headNorms) {

    public DecoderConfig {
        requirePositive("vocab", vocab);
        requirePositive("dim", dim);
        requirePositive("layers", layers);
        requirePositive("heads", heads);
        requirePositive("kvHeads", kvHeads);
        requirePositive("headDim", headDim);
        requirePositive("ffn", ffn);
        requirePositive("context", context);
        if (heads % kvHeads != 0) {
            throw new IllegalArgumentException("kvHeads = " + kvHeads + " must divide heads = " + heads);
        }
        if (headDim % 2 != 0) {
            throw new IllegalArgumentException("headDim = " + headDim + " must be even: rotary embeddings turn pairs");
        }
        if (!(ropeTheta > 0) || Float.isInfinite(ropeTheta)) {
            throw new IllegalArgumentException("ropeTheta = " + ropeTheta + " must be > 0 and finite");
        }
        if (!(normEps > 0) || Float.isInfinite(normEps)) {
            throw new IllegalArgumentException("normEps = " + normEps + " must be > 0 and finite");
        }
    }

    /** Without biases and head norms, as in Llama and BitNet. */
    public DecoderConfig(int vocab, int dim, int layers, int heads, int kvHeads, int headDim, int ffn, int context, NnOps.Glu activation,
            boolean subNorms, NnOps.Rope rope, float ropeTheta, float normEps, boolean tiedHead) {
        this(vocab, dim, layers, heads, kvHeads, headDim, ffn, context, activation, subNorms, rope, ropeTheta, normEps, tiedHead, false,
                false);
    }

    private static void requirePositive(String field, int value) {
        if (value <= 0) {
            throw new IllegalArgumentException(field + " = " + value + " must be > 0");
        }
    }

    /** Values of the weights that quantization applies to: q, k, v, output, gate, up, down of all blocks. */
    public long linearParameters() {
        long attention = 2L * dim * heads * headDim + 2L * dim * kvHeads * headDim;
        return layers * (attention + 3L * dim * ffn);
    }

    /**
     * Floating-point operations of a forward pass per token, two per multiply-add: all matrix products, and attention over half of
     * {@code t} keys on average. Training takes about three times as many.
     */
    public double forwardFlopsPerToken(long t) {
        double products = 2.0 * (linearParameters() + (double) vocab * dim);
        double attention = 4.0 * layers * heads * headDim * (t + 1) / 2.0;
        return products + attention;
    }
}
