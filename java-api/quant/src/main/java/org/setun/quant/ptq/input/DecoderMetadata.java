package org.setun.quant.ptq.input;

import org.setun.formats.gguf.GgufWriter;

/** The keys in which a GGUF file says how large a decoder is, for inputs that say it otherwise. */
record DecoderMetadata(String architecture, int vocab, int context, int dim, int layers, int ffn, int heads, int kvHeads, int headDim,
        float normEps, float ropeTheta) {

    void write(GgufWriter writer, String name) {
        String prefix = architecture + ".";
        writer.string("general.name", name)
                .uint32(prefix + "vocab_size", vocab)
                .uint32(prefix + "context_length", context)
                .uint32(prefix + "embedding_length", dim)
                .uint32(prefix + "block_count", layers)
                .uint32(prefix + "feed_forward_length", ffn)
                .uint32(prefix + "attention.head_count", heads)
                .uint32(prefix + "attention.head_count_kv", kvHeads)
                .uint32(prefix + "attention.key_length", headDim)
                .uint32(prefix + "attention.value_length", headDim)
                .float32(prefix + "attention.layer_norm_rms_epsilon", normEps)
                .uint32(prefix + "rope.dimension_count", headDim)
                .float32(prefix + "rope.freq_base", ropeTheta);
        if (architecture.startsWith("bitnet")) {
            writer.string(prefix + "rope.scaling.type", "linear").float32(prefix + "rope.scaling.factor", 1);
        }
    }
}
