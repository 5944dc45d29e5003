package org.setun.formats.tokenizer;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.setun.formats.FormatException;

/** Reads one {@code tokenizer.json}. What the format can say and this tokenizer cannot do is refused by name, never ignored. */
final class TokenizerJsonReader {

    /** Keys of {@code tokenizer_config.json} in the order of {@link Markers}. */
    static final List<String> MARKER_KEYS = List.of("bos_token", "eos_token", "unk_token", "pad_token");

    private static final long MAX_SIZE = 64L << 20;
    private static final JsonMapper JSON = new JsonMapper(JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(32).build())
            .build());

    private final String file;
    private final JsonNode root;
    private JsonNode config = MissingNode.getInstance();
    private String[] tokens = new String[0];
    private TokenKind[] kinds = new TokenKind[0];

    TokenizerJsonReader(String file, byte[] json) {
        this.file = file;
        this.root = parse(json, file);
    }

    static BpeTokenizer read(Path path) throws IOException {
        TokenizerJsonReader reader = new TokenizerJsonReader(path.toString(), bytes(path));
        Path config = path.resolveSibling(TokenizerJson.CONFIG);
        if (Files.exists(config)) {
            reader.config = parse(bytes(config), config.toString());
        }
        return reader.tokenizer();
    }

    private static byte[] bytes(Path path) throws IOException {
        if (Files.size(path) > MAX_SIZE) {
            throw new FormatException(path.toString(), FormatException.NO_OFFSET, "file", "has " + Files.size(path) + " bytes, allowed is "
                    + MAX_SIZE, "this is not a tokenizer");
        }
        return Files.readAllBytes(path);
    }

    private static JsonNode parse(byte[] json, String file) {
        try {
            JsonNode node = JSON.readTree(new String(json, StandardCharsets.UTF_8));
            if (!node.isObject()) {
                throw new FormatException(file, 0, "file", "is not a JSON object", "");
            }
            return node;
        } catch (JacksonException e) {
            throw new FormatException(file, FormatException.NO_OFFSET, "file", "is not valid JSON: " + e.getMessage(), "", e);
        }
    }

    BpeTokenizer tokenizer() {
        JsonNode model = root.path("model");
        demand(model.path("type").asText("BPE").equals("BPE"), "model.type", "is " + model.path("type") + ", BPE is supported");
        for (String absent : new String[]{"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
            JsonNode value = model.path(absent);
            demand(value.isMissingNode() || value.isNull() || value.asText("x").isEmpty(), "model." + absent, "is " + value
                    + ", which is not supported");
        }
        demand(!model.path("byte_fallback").asBoolean(false), "model.byte_fallback", "is true, byte-level BPE is supported");
        JsonNode normalizer = root.path("normalizer");
        demand(normalizer.isMissingNode() || normalizer.isNull(), "normalizer", "is " + normalizer.path("type")
                + ", none is supported");
        PreTokenizer pre = preTokenizer(root.path("pre_tokenizer"));
        vocabulary(model.path("vocab"), root.path("added_tokens"));
        List<String> merges = merges(model.path("merges"));
        try {
            Vocabulary bare = new Vocabulary(Arrays.asList(tokens), Arrays.asList(kinds), Markers.ABSENT);
            Vocabulary vocabulary = new Vocabulary(bare.tokens(), bare.kinds(), markers(bare));
            return new BpeTokenizer(vocabulary, merges, pre, model.path("ignore_merges").asBoolean(false));
        } catch (IllegalArgumentException e) {
            throw error("model", "is damaged: " + e.getMessage());
        }
    }

    private PreTokenizer preTokenizer(JsonNode node) {
        String type = node.path("type").asText();
        if (type.equals("ByteLevel") && node.path("use_regex").asBoolean(true)) {
            byteLevel(node);
            return PreTokenizer.GPT_2;
        }
        JsonNode parts = node.path("pretokenizers");
        demand(type.equals("Sequence") && parts.size() == 2 && parts.path(0).path("type").asText().equals("Split")
                && parts.path(1).path("type").asText().equals("ByteLevel") && !parts.path(1).path("use_regex").asBoolean(true),
                "pre_tokenizer", "is '" + type + "', ByteLevel or Split with ByteLevel is supported");
        byteLevel(parts.path(1));
        JsonNode split = parts.path(0);
        String expression = split.path("pattern").path("Regex").asText();
        demand(split.path("behavior").asText().equals("Isolated") && !split.path("invert").asBoolean(false), "pre_tokenizer",
                "splits in another way than Isolated");
        return PreTokenizer.ofExpression(expression)
                .orElseThrow(() -> error("pre_tokenizer", "splits by the unknown expression " + expression));
    }

    private void byteLevel(JsonNode node) {
        demand(!node.path("add_prefix_space").asBoolean(true), "pre_tokenizer.add_prefix_space", "is true, which is not supported");
    }

    private void vocabulary(JsonNode vocab, JsonNode added) {
        demand(vocab.isObject(), "model.vocab", "is not an object");
        int most = vocab.size() + added.size(); // ids are dense, so none can be larger
        tokens = new String[most];
        kinds = new TokenKind[most];
        int size = 0;
        for (Map.Entry<String, JsonNode> entry : vocab.properties()) {
            size = Math.max(size, put(entry.getKey(), entry.getValue(), TokenKind.NORMAL, "model.vocab"));
        }
        for (JsonNode token : added) {
            String content = token.path("content").asText();
            for (String flag : new String[]{"single_word", "lstrip", "rstrip"}) {
                demand(!token.path(flag).asBoolean(false), "added_tokens '" + content + "'", "has " + flag + ", which is not supported");
            }
            demand(!content.isEmpty(), "added_tokens", "has a token without content");
            TokenKind kind = token.path("special").asBoolean(false) ? TokenKind.CONTROL : TokenKind.USER_DEFINED;
            size = Math.max(size, put(content, token.path("id"), kind, "added_tokens"));
        }
        tokens = Arrays.copyOf(tokens, size);
        kinds = Arrays.copyOf(kinds, size);
        for (int id = 0; id < size; id++) {
            demand(tokens[id] != null, "model.vocab", "has no token for id " + id);
        }
    }

    private int put(String token, JsonNode id, TokenKind kind, String field) {
        demand(id.isIntegralNumber() && id.canConvertToInt() && id.asInt() >= 0 && id.asInt() < tokens.length, field,
                "'" + token + "' has the id " + id + ", allowed is 0 to " + (tokens.length - 1));
        String before = tokens[id.asInt()];
        demand(before == null || kind != TokenKind.NORMAL && before.equals(token), field, "gives id " + id + " to '" + token
                + "' and to '" + before + "'");
        tokens[id.asInt()] = token;
        kinds[id.asInt()] = kind;
        return id.asInt() + 1;
    }

    private List<String> merges(JsonNode merges) {
        demand(merges.isArray(), "model.merges", "is not an array");
        List<String> pairs = new ArrayList<>(merges.size());
        for (JsonNode merge : merges) {
            boolean pair = merge.isArray() && merge.size() == 2 && merge.get(0).isTextual() && merge.get(1).isTextual();
            demand(pair || merge.isTextual(), "model.merges", "has " + merge + ", allowed is a pair or a string");
            pairs.add(pair ? merge.get(0).asText() + " " + merge.get(1).asText() : merge.asText());
        }
        return pairs;
    }

    private Markers markers(Vocabulary vocabulary) {
        int[] ids = new int[MARKER_KEYS.size()];
        for (int i = 0; i < ids.length; i++) {
            JsonNode token = config.path(MARKER_KEYS.get(i));
            ids[i] = vocabulary.id(token.isObject() ? token.path("content").asText() : token.asText());
        }
        boolean addBos = false;
        boolean addEos = false;
        for (JsonNode processor : processors(root.path("post_processor"))) {
            boolean before = true;
            for (JsonNode part : processor.path("single")) {
                if (part.has("Sequence")) {
                    before = false;
                    continue;
                }
                String name = part.path("SpecialToken").path("id").asText();
                int id = vocabulary.id(name);
                demand(id != Markers.NONE, "post_processor", "adds '" + name + "', which is no token");
                demand(before ? !addBos : !addEos, "post_processor", "adds more than one token on one side");
                ids[before ? 0 : 1] = id;
                addBos |= before;
                addEos |= !before;
            }
        }
        return new Markers(ids[0], ids[1], ids[2], ids[3], addBos, addEos);
    }

    /** The templates of a post-processor; those that change only offsets are left out. */
    private List<JsonNode> processors(JsonNode node) {
        String type = node.path("type").asText("");
        return switch (type) {
            case "", "ByteLevel" -> List.of();
            case "TemplateProcessing" -> List.of(node);
            case "Sequence" -> {
                List<JsonNode> all = new ArrayList<>();
                node.path("processors").forEach(part -> all.addAll(processors(part)));
                yield all;
            }
            default -> throw error("post_processor", "is " + type + ", ByteLevel and TemplateProcessing are supported");
        };
    }

    private void demand(boolean condition, String field, String problem) {
        if (!condition) {
            throw error(field, problem);
        }
    }

    private FormatException error(String field, String problem) {
        return new FormatException(file, FormatException.NO_OFFSET, field, problem, "");
    }
}
