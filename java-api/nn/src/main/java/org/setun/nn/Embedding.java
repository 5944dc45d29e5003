package org.setun.nn;

import java.util.List;
import org.setun.nn.function.EmbeddingFunction;

/** A table of one trained row per id, quantized or not. */
public final class Embedding {

    private final Linear layer;

    /**
     * An embedding in fp32.
     *
     * @param table F32[vocab][d]
     */
    public Embedding(Parameter table) {
        this(new Linear(table, null));
    }

    /**
     * An embedding that takes its rows from the weight of a layer, as that quantizes it: the head's if they are tied, else one of its own.
     *
     * @param layer with a weight F32[vocab][d]; its quantizer of activations does not matter
     */
    public Embedding(Linear layer) {
        this.layer = layer;
    }

    /** F32[vocab][d], latent if it is quantized. */
    public Parameter table() {
        return layer.weight();
    }

    /** Whose weight the table is. */
    public Linear layer() {
        return layer;
    }

    /** Table, then its learned scales if there are some. */
    public List<Parameter> parameters() {
        return layer.parameters();
    }

    /** {@code ids} I32[n] in [0, vocab) to F32[n][d]. */
    public Tensor forward(Tape tape, Tensor ids) {
        EmbeddingFunction function = new EmbeddingFunction(layer.prepare(tape.backend()));
        return layer instanceof BitLinear quantized && quantized.scale() != null
                ? tape.apply(function, table().value(), ids, quantized.scale().value())
                : tape.apply(function, table().value(), ids);
    }
}
