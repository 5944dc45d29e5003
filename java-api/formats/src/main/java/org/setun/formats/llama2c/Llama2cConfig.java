package org.setun.formats.llama2c;

/**
 * The shape of a llama2.c model.
 *
 * @param dim width of the residual stream
 * @param hidden width of the feed-forward layer
 * @param layers number of layers
 * @param heads number of query heads; {@code dim} is a multiple of it
 * @param kvHeads number of key/value heads; {@code heads} is a multiple of it
 * @param vocab number of tokens
 * @param context longest sequence
 * @param tiedHead whether the classifier is the embedding
 */
public record Llama2cConfig(int dim, int hidden, int layers, int heads, int kvHeads, int vocab, int context, boolean tiedHead) {

    /** Epsilon of the RMS norms, fixed in llama2.c. */
    public static final float NORM_EPS = 1e-5f;

    /** Base of the rotary embedding, fixed in llama2.c; it rotates interleaved pairs. */
    public static final float ROPE_THETA = 10000f;

    /** Width of one head. */
    public int headDim() {
        return dim / heads;
    }

    /** Width of all key heads together. */
    public int kvDim() {
        return headDim() * kvHeads;
    }
}
