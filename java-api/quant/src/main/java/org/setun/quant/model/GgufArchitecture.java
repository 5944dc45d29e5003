package org.setun.quant.model;

import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.setun.formats.gguf.GgufMetadata;
import org.setun.kernels.NnOps;
import org.setun.nn.DecoderConfig;
import org.setun.quant.ptq.SetunGguf;

/**
 * What a GGUF architecture name means: the rotary convention, the gate's activation, and which norms there are. Sizes come from the
 * metadata.
 *
 * @param rope pairs that are rotated together
 * @param activation unless the key {@code <arch>.hidden_activation} says otherwise
 * @param subNorms whether there is a norm before {@code attn_output} and one before {@code ffn_down}
 * @param headNorms whether queries and keys are normalized per head
 * @param ownHead whether {@code output.weight} may exist; otherwise the embedding is the head
 */
public record GgufArchitecture(NnOps.Rope rope, NnOps.Glu activation, boolean subNorms, boolean headNorms, boolean ownHead) {

    private static final Map<String, GgufArchitecture> KNOWN = Map.of(
            "llama", new GgufArchitecture(NnOps.Rope.INTERLEAVED, NnOps.Glu.SILU, false, false, true),
            "qwen2", new GgufArchitecture(NnOps.Rope.HALVES, NnOps.Glu.SILU, false, false, true),
            "qwen3", new GgufArchitecture(NnOps.Rope.HALVES, NnOps.Glu.SILU, false, true, true),
            "bitnet", new GgufArchitecture(NnOps.Rope.HALVES, NnOps.Glu.SILU, true, false, false),
            "bitnet-b1.58", new GgufArchitecture(NnOps.Rope.HALVES, NnOps.Glu.RELU2, true, false, false),
            "bitnet-25", new GgufArchitecture(NnOps.Rope.HALVES, NnOps.Glu.RELU2, true, false, false));

    /**
     * The architecture that the metadata name.
     *
     * @throws org.setun.formats.FormatException if it is not one of those
     */
    public static GgufArchitecture of(GgufMetadata metadata) {
        String name = SetunGguf.baseArchitecture(metadata);
        GgufArchitecture known = KNOWN.get(name);
        if (known == null) {
            throw metadata.error("general.architecture", "is '" + name + "', supported are " + KNOWN.keySet().stream().sorted().toList());
        }
        return known;
    }

    /**
     * The model's shape, each size checked for sense; whoever reads the tensors checks them against it.
     *
     * @param architecture that the keys of sizes begin with
     * @param shapes       of the tensors by name; empty for those that are not there
     */
    DecoderConfig config(GgufMetadata metadata, String architecture, Function<String, Optional<long[]>> shapes) {
        String arch = architecture + ".";
        int dim = metadata.integer(arch + "embedding_length", 1, 1 << 20);
        int heads = metadata.integer(arch + "attention.head_count", 1, dim);
        int kvHeads = metadata.has(arch + "attention.head_count_kv") ? metadata.integer(arch + "attention.head_count_kv", 1, heads) : heads;
        if (heads % kvHeads != 0) {
            throw metadata.error(arch + "attention.head_count_kv", "is " + kvHeads + ", which does not divide the " + heads + " heads");
        }
        int headDim = headDim(metadata, arch, dim, heads);
        checkRope(metadata, arch, headDim, shapes.apply("rope_freqs.weight").isPresent());
        long[] embedding = shapes.apply("token_embd.weight").orElseThrow(
                () -> metadata.error("tensor 'token_embd.weight'", "is missing: the file is of another model or incomplete"));
        if (embedding.length != 2 || embedding[0] > Integer.MAX_VALUE) {
            throw metadata.error(arch + "embedding_length", "needs a token_embd.weight of two dimensions");
        }
        return new DecoderConfig((int) embedding[0], dim, metadata.integer(arch + "block_count", 1, 1 << 16), heads, kvHeads, headDim,
                metadata.integer(arch + "feed_forward_length", 1, 1 << 24), metadata.integer(arch + "context_length", 1, Integer.MAX_VALUE),
                activation(metadata, arch), subNorms, rope, positive(metadata, arch + "rope.freq_base", 10_000),
                positive(metadata, arch + "attention.layer_norm_rms_epsilon", Float.NaN),
                !(ownHead && shapes.apply("output.weight").isPresent()), shapes.apply("blk.0.attn_q.bias").isPresent(), headNorms);
    }

    private static int headDim(GgufMetadata metadata, String arch, int dim, int heads) {
        String key = arch + "attention.key_length";
        if (!metadata.has(key) && dim % heads != 0) {
            throw metadata.error(arch + "attention.head_count", "is " + heads + ", which does not divide the width " + dim);
        }
        int headDim = metadata.has(key) ? metadata.integer(key, 2, 1 << 16) : dim / heads;
        if (headDim % 2 != 0) {
            throw metadata.error(arch + "attention.head_count", "gives heads of " + headDim + " values, which rotary pairs do not divide");
        }
        if ((long) heads * headDim > 1 << 24) {
            throw metadata.error(key, "gives " + heads + " heads of " + headDim + " values, more than " + (1 << 24) + " together");
        }
        if (metadata.integer(arch + "attention.value_length", headDim) != headDim) {
            throw metadata.error(arch + "attention.value_length", "differs from the key length " + headDim + ": not supported");
        }
        return headDim;
    }

    private static void checkRope(GgufMetadata metadata, String arch, int headDim, boolean factors) {
        if (metadata.integer(arch + "rope.dimension_count", headDim) != headDim) {
            throw metadata.error(arch + "rope.dimension_count", "differs from the head's " + headDim + " values: not supported");
        }
        String scaling = metadata.string(arch + "rope.scaling.type", "none");
        boolean none = scaling.equals("none") || scaling.equals("linear") && metadata.number(arch + "rope.scaling.factor", 1) == 1;
        if (!none || factors) {
            throw metadata.error(arch + "rope.scaling.type", "is '" + scaling + "': scaled rotary embeddings are not supported");
        }
    }

    private NnOps.Glu activation(GgufMetadata metadata, String arch) {
        String key = arch + "hidden_activation";
        return switch (metadata.string(key, "")) {
            case "" -> activation;
            case "silu" -> NnOps.Glu.SILU;
            case "relu2" -> NnOps.Glu.RELU2;
            default -> throw metadata.error(key, "is '" + metadata.string(key) + "', supported are silu and relu2");
        };
    }

    private static float positive(GgufMetadata metadata, String key, float fallback) {
        float value = Float.isNaN(fallback) ? metadata.number(key) : metadata.number(key, fallback);
        if (!(value > 0 && value < Float.POSITIVE_INFINITY)) {
            throw metadata.error(key, "is " + value + ", must be positive and finite");
        }
        return value;
    }
}
