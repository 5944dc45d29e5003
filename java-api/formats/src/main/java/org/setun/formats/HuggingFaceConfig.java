package org.setun.formats;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The shape of a decoder as {@code config.json} of a Hugging Face checkpoint describes it. What would change the computation and is not
 * supported (scaled rotary embeddings, other activations, other families) is refused by name.
 *
 * @param family    {@code model_type}: llama, qwen2, qwen3 or bitnet
 * @param packed    whether the checkpoint holds BitNet's packed weights
 */
public record HuggingFaceConfig(String family, int hidden, int ffn, int layers, int heads, int kvHeads, int headDim, int context, int vocab,
        float normEps, float ropeTheta, String activation, boolean tiedHead, boolean packed) {

    /** The families that are read. */
    public static final List<String> FAMILIES = List.of("llama", "qwen2", "qwen3", "bitnet");

    private static final long MAX_SIZE = 16L << 20;
    private static final JsonMapper JSON = new JsonMapper(JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(64).build())
            .build());

    /**
     * Reads {@code config.json}.
     *
     * @throws FormatException if it is damaged or describes a model that is not supported
     * @throws IOException if it cannot be read
     */
    public static HuggingFaceConfig read(Path config) throws IOException {
        if (Files.size(config) > MAX_SIZE) {
            throw new FormatException(config.toString(), FormatException.NO_OFFSET, "file", "has " + Files.size(config)
                    + " bytes, allowed is " + MAX_SIZE, "this is not a model's config.json");
        }
        return parse(new String(Files.readAllBytes(config), StandardCharsets.UTF_8), config.toString());
    }

    /** As {@link #read}, from text; {@code name} stands in messages. */
    public static HuggingFaceConfig parse(String json, String name) {
        JsonNode root;
        try {
            root = JSON.readTree(json);
        } catch (JacksonException e) {
            throw new FormatException(name, FormatException.NO_OFFSET, "file", "is not valid JSON: " + e.getOriginalMessage(), "", e);
        }
        return new Reader(root, name).config();
    }

    private record Reader(JsonNode root, String file) {

        HuggingFaceConfig config() {
            String family = root.path("model_type").asText("");
            if (!FAMILIES.contains(family)) {
                throw error("model_type", "is '" + family + "', supported are " + FAMILIES);
            }
            int hidden = integer("hidden_size", 1, 1 << 20, 0);
            int heads = integer("num_attention_heads", 1, hidden, 0);
            int kvHeads = integer("num_key_value_heads", 1, heads, heads);
            if (heads % kvHeads != 0) {
                throw error("num_key_value_heads", "is " + kvHeads + ", which does not divide the " + heads + " heads");
            }
            boolean ownHeadDim = root.path("head_dim").isNumber();
            if (!ownHeadDim && hidden % heads != 0) {
                throw error("num_attention_heads", "is " + heads + ", which does not divide the width " + hidden);
            }
            int headDim = ownHeadDim ? integer("head_dim", 2, 1 << 16, 0) : hidden / heads;
            if (headDim % 2 != 0) {
                throw error("head_dim", "is " + headDim + ", which rotary pairs do not divide");
            }
            requirePlainRotation();
            return new HuggingFaceConfig(family, hidden, integer("intermediate_size", 1, 1 << 24, 0),
                    integer("num_hidden_layers", 1, 1 << 16, 0), heads, kvHeads, headDim,
                    integer("max_position_embeddings", 1, Integer.MAX_VALUE, 0), integer("vocab_size", 1, Integer.MAX_VALUE, 0),
                    positive("rms_norm_eps", root.path("rms_norm_eps"), Double.NaN), theta(), activation(family),
                    root.path("tie_word_embeddings").asBoolean(false),
                    root.path("quantization_config").path("quant_method").asText("").equals("bitnet")
                            && !root.path("quantization_config").path("quantization_mode").asText("offline").equals("online"));
        }

        private float theta() {
            JsonNode nested = root.path("rope_parameters").path("rope_theta");
            return positive("rope_theta", nested.isNumber() ? nested : root.path("rope_theta"), 10_000);
        }

        private String activation(String family) {
            String activation = root.path("hidden_act").asText("silu");
            if (!activation.equals("silu") && !(activation.equals("relu2") && family.equals("bitnet"))) {
                throw error("hidden_act", "is '" + activation + "', supported are silu, and relu2 of bitnet");
            }
            return activation;
        }

        private void requirePlainRotation() {
            for (String key : List.of("rope_scaling", "rope_parameters")) {
                JsonNode scaling = root.path(key);
                String type = scaling.path("rope_type").asText(scaling.path("type").asText("default"));
                if (scaling.isObject() && !type.equals("default")) {
                    throw error(key, "is '" + type + "': scaled rotary embeddings are not supported");
                }
            }
        }

        private int integer(String key, int least, int most, int fallback) {
            JsonNode value = root.path(key);
            if (fallback > 0 && (value.isMissingNode() || value.isNull())) {
                return fallback;
            }
            if (!value.isIntegralNumber() || !value.canConvertToLong() || value.asLong() < least || value.asLong() > most) {
                throw error(key, "is " + shown(value) + ", an integer from " + least + " to " + most + " is needed");
            }
            return value.asInt();
        }

        private float positive(String key, JsonNode value, double fallback) {
            double number = value.isNumber() ? value.asDouble() : fallback;
            if (!((float) number > 0 && (float) number < Float.POSITIVE_INFINITY)) {
                throw error(key, "is " + shown(value) + ", a positive number is needed");
            }
            return (float) number;
        }

        private static String shown(JsonNode value) {
            String text = value.isMissingNode() ? "missing" : value.toString();
            return text.length() > 40 ? text.substring(0, 40) + "…" : text;
        }

        private FormatException error(String key, String problem) {
            return new FormatException(file, FormatException.NO_OFFSET, key, problem, "");
        }
    }
}
