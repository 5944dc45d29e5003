package org.setun.formats.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.setun.formats.AtomicFile;
import org.setun.formats.FormatException;

/**
 * Byte-level BPE tokenizers as Hugging Face {@code tokenizer.json} with a {@code tokenizer_config.json} beside it that names the begin and
 * end markers, which the former has no place for.
 */
public final class TokenizerJson {

    static final String CONFIG = "tokenizer_config.json";

    private TokenizerJson() {
    }

    /**
     * Reads a {@code tokenizer.json}, and {@code tokenizer_config.json} of the same folder if there is one. Added tokens that are special
     * become control tokens, the others are matched in every text.
     *
     * @throws FormatException if it is damaged, or is not a byte-level BPE with one of the known pre-tokenizers
     * @throws IOException if it cannot be read
     */
    public static BpeTokenizer read(Path file) throws IOException {
        return TokenizerJsonReader.read(file);
    }

    /** As {@link #read}, from text; {@code name} stands in messages. */
    public static BpeTokenizer parse(byte[] json, String name) {
        return new TokenizerJsonReader(name, json).tokenizer();
    }

    /**
     * Writes {@code file}, and {@code tokenizer_config.json} beside it, each atomically.
     *
     * @throws IllegalArgumentException if the pre-tokenizer has no form in this format
     * @throws IOException if the device fails
     */
    public static void write(BpeTokenizer tokenizer, Path file) throws IOException {
        if (tokenizer.preTokenizer().expressions().size() != 1) {
            throw new IllegalArgumentException("preTokenizer = " + tokenizer.preTokenizer() + " has no form in tokenizer.json, allowed are "
                    + List.of(PreTokenizer.GPT_2, PreTokenizer.LLAMA_BPE, PreTokenizer.QWEN_2));
        }
        save(file, json -> tokenizer(json, tokenizer));
        save(file.resolveSibling(CONFIG), json -> config(json, tokenizer.vocabulary()));
    }

    @FunctionalInterface
    private interface Content {
        void write(JsonGenerator json) throws IOException;
    }

    private static void save(Path file, Content content) throws IOException {
        AtomicFile.write(file, channel -> {
            OutputStream out = Channels.newOutputStream(channel);
            JsonGenerator json = new JsonMapper().createGenerator(out).disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
            json.useDefaultPrettyPrinter();
            content.write(json);
            json.flush();
            out.write("\n".getBytes(StandardCharsets.UTF_8));
        });
    }

    private static void tokenizer(JsonGenerator json, BpeTokenizer tokenizer) throws IOException {
        json.writeStartObject();
        json.writeStringField("version", "1.0");
        json.writeNullField("truncation");
        json.writeNullField("padding");
        addedTokens(json, tokenizer.vocabulary());
        json.writeNullField("normalizer");
        json.writeFieldName("pre_tokenizer");
        preTokenizer(json, tokenizer.preTokenizer());
        json.writeFieldName("post_processor");
        postProcessor(json, tokenizer.vocabulary());
        json.writeFieldName("decoder");
        byteLevel(json, true);
        model(json, tokenizer);
        json.writeEndObject();
    }

    private static void addedTokens(JsonGenerator json, Vocabulary vocabulary) throws IOException {
        json.writeArrayFieldStart("added_tokens");
        for (int id = 0; id < vocabulary.size(); id++) {
            TokenKind kind = vocabulary.kind(id);
            if (kind == TokenKind.NORMAL || kind == TokenKind.UNUSED) {
                continue;
            }
            json.writeStartObject();
            json.writeNumberField("id", id);
            json.writeStringField("content", vocabulary.token(id));
            for (String flag : new String[]{"single_word", "lstrip", "rstrip", "normalized"}) {
                json.writeBooleanField(flag, false);
            }
            json.writeBooleanField("special", kind != TokenKind.USER_DEFINED);
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    private static void preTokenizer(JsonGenerator json, PreTokenizer pre) throws IOException {
        if (pre == PreTokenizer.GPT_2) {
            byteLevel(json, true);
            return;
        }
        json.writeStartObject();
        json.writeStringField("type", "Sequence");
        json.writeArrayFieldStart("pretokenizers");
        json.writeStartObject();
        json.writeStringField("type", "Split");
        json.writeObjectFieldStart("pattern");
        json.writeStringField("Regex", pre.expressions().getFirst());
        json.writeEndObject();
        json.writeStringField("behavior", "Isolated");
        json.writeBooleanField("invert", false);
        json.writeEndObject();
        byteLevel(json, false);
        json.writeEndArray();
        json.writeEndObject();
    }

    private static void byteLevel(JsonGenerator json, boolean useRegex) throws IOException {
        json.writeStartObject();
        json.writeStringField("type", "ByteLevel");
        json.writeBooleanField("add_prefix_space", false);
        json.writeBooleanField("trim_offsets", true);
        json.writeBooleanField("use_regex", useRegex);
        json.writeEndObject();
    }

    private static void postProcessor(JsonGenerator json, Vocabulary vocabulary) throws IOException {
        Markers markers = vocabulary.markers();
        if (!markers.addBos() && !markers.addEos()) {
            json.writeNull();
            return;
        }
        json.writeStartObject();
        json.writeStringField("type", "TemplateProcessing");
        for (String form : new String[]{"single", "pair"}) {
            json.writeArrayFieldStart(form);
            if (markers.addBos()) {
                templatePart(json, "SpecialToken", vocabulary.token(markers.bos()), 0);
            }
            templatePart(json, "Sequence", "A", 0);
            if (form.equals("pair")) {
                templatePart(json, "Sequence", "B", 1);
            }
            if (markers.addEos()) {
                templatePart(json, "SpecialToken", vocabulary.token(markers.eos()), 0);
            }
            json.writeEndArray();
        }
        json.writeObjectFieldStart("special_tokens");
        if (markers.addBos()) {
            templateToken(json, vocabulary, markers.bos());
        }
        if (markers.addEos() && !(markers.addBos() && markers.bos() == markers.eos())) {
            templateToken(json, vocabulary, markers.eos());
        }
        json.writeEndObject();
        json.writeEndObject();
    }

    private static void templatePart(JsonGenerator json, String kind, String id, int typeId) throws IOException {
        json.writeStartObject();
        json.writeObjectFieldStart(kind);
        json.writeStringField("id", id);
        json.writeNumberField("type_id", typeId);
        json.writeEndObject();
        json.writeEndObject();
    }

    private static void templateToken(JsonGenerator json, Vocabulary vocabulary, int id) throws IOException {
        json.writeObjectFieldStart(vocabulary.token(id));
        json.writeStringField("id", vocabulary.token(id));
        json.writeArrayFieldStart("ids");
        json.writeNumber(id);
        json.writeEndArray();
        json.writeArrayFieldStart("tokens");
        json.writeString(vocabulary.token(id));
        json.writeEndArray();
        json.writeEndObject();
    }

    private static void model(JsonGenerator json, BpeTokenizer tokenizer) throws IOException {
        json.writeObjectFieldStart("model");
        json.writeStringField("type", "BPE");
        for (String absent : new String[]{"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"}) {
            json.writeNullField(absent);
        }
        json.writeBooleanField("fuse_unk", false);
        json.writeBooleanField("byte_fallback", false);
        json.writeBooleanField("ignore_merges", tokenizer.wholeWords());
        json.writeObjectFieldStart("vocab");
        Vocabulary vocabulary = tokenizer.vocabulary();
        for (int id = 0; id < vocabulary.size(); id++) {
            if (vocabulary.id(vocabulary.token(id)) == id) { // an object has each key once
                json.writeNumberField(vocabulary.token(id), id);
            }
        }
        json.writeEndObject();
        json.writeArrayFieldStart("merges");
        for (String merge : tokenizer.merges()) {
            int space = merge.indexOf(' ', 1);
            json.writeStartArray();
            json.writeString(merge.substring(0, space));
            json.writeString(merge.substring(space + 1));
            json.writeEndArray();
        }
        json.writeEndArray();
        json.writeEndObject();
    }

    private static void config(JsonGenerator json, Vocabulary vocabulary) throws IOException {
        Markers markers = vocabulary.markers();
        json.writeStartObject();
        json.writeStringField("tokenizer_class", "PreTrainedTokenizerFast");
        json.writeBooleanField("clean_up_tokenization_spaces", false);
        json.writeBooleanField("add_bos_token", markers.addBos());
        json.writeBooleanField("add_eos_token", markers.addEos());
        int[] ids = {markers.bos(), markers.eos(), markers.unknown(), markers.padding()};
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] != Markers.NONE) {
                json.writeStringField(TokenizerJsonReader.MARKER_KEYS.get(i), vocabulary.token(ids[i]));
            }
        }
        json.writeEndObject();
    }
}
