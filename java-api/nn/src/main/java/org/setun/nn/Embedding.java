package org.setun.nn;

import org.setun.nn.function.EmbeddingFunction;

/** A table of one trained row per id. */
public final class Embedding {

    private static final EmbeddingFunction FUNCTION = new EmbeddingFunction();

    private final Parameter table;

    /**
     * An embedding over a parameter.
     *
     * @param table F32[vocab][d]
     */
    public Embedding(Parameter table) {
        table.value().require(table.name(), DType.F32, -1, -1);
        this.table = table;
    }

    public Parameter table() {
        return table;
    }

    /** {@code ids} I32[n] in [0, vocab) to F32[n][d]. */
    public Tensor forward(Tape tape, Tensor ids) {
        return tape.apply(FUNCTION, table.value(), ids);
    }
}
