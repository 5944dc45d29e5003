package org.setun.nn;

/**
 * What each layer of a model quantizes. Of layers that share an input, the quantizer of activations of the first that has one
 * serves all.
 */
@FunctionalInterface
public interface QuantizationPlan {

    /**
     * What the layer with this weight quantizes. Of an embedding it is the weight alone; with a tied head, embedding and head have one weight and
     * one quantizer.
     *
     * @param weight its name, such as {@code blk.0.attn_q.weight}, {@code token_embd.weight} or {@code output.weight}
     */
    Quantization of(String weight);

    /** The same for all linear layers of the blocks; embedding and head in fp32. */
    static QuantizationPlan blocks(Quantization quantization) {
        return weight -> weight.startsWith("blk.") ? quantization : Quantization.NONE;
    }
}
