package org.setun.formats.tokenizer;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Supplier;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufMetadata;
import org.setun.formats.gguf.GgufWriter;

/** Tokenizers in the {@code tokenizer.ggml.*} keys of GGUF files: {@code gpt2} is byte-level BPE, {@code llama} SentencePiece's BPE. */
public final class GgufTokenizers {

    private static final String PREFIX = "tokenizer.ggml.";
    private static final String MODEL = PREFIX + "model";
    private static final String PRE = PREFIX + "pre";
    private static final String TOKENS = PREFIX + "tokens";
    private static final String KINDS = PREFIX + "token_type";
    private static final String MERGES = PREFIX + "merges";
    private static final String SCORES = PREFIX + "scores";
    private static final String SPACE_PREFIX = PREFIX + "add_space_prefix";
    private static final String ADD_BOS = PREFIX + "add_bos_token";
    private static final String ADD_EOS = PREFIX + "add_eos_token";
    private static final String BOS = PREFIX + "bos_token_id";
    private static final String EOS = PREFIX + "eos_token_id";
    private static final String UNKNOWN = PREFIX + "unknown_token_id";
    private static final String PADDING = PREFIX + "padding_token_id";

    private GgufTokenizers() {
    }

    /**
     * The tokenizer of a file.
     *
     * @throws FormatException if it has none, a damaged one, or one of a kind that is not supported
     */
    public static Tokenizer read(GgufMetadata metadata) {
        String model = metadata.string(MODEL);
        return switch (model) {
            case "gpt2" -> bpe(metadata);
            case "llama" -> spm(metadata);
            default -> throw metadata.error(MODEL, "is '" + model + "', which is not supported; gpt2 and llama are");
        };
    }

    private static BpeTokenizer bpe(GgufMetadata metadata) {
        String name = metadata.string(PRE, "default");
        PreTokenizer pre = PreTokenizer.named(name)
                .orElseThrow(() -> metadata.error(PRE, "is '" + name + "', which is not supported"));
        Vocabulary vocabulary = vocabulary(metadata, pre == PreTokenizer.LLAMA_BPE);
        List<String> merges = metadata.strings(MERGES);
        return sound(metadata, MERGES, () -> new BpeTokenizer(vocabulary, merges, pre));
    }

    private static SpmTokenizer spm(GgufMetadata metadata) {
        Vocabulary vocabulary = vocabulary(metadata, true);
        float[] scores = metadata.numbers(SCORES);
        boolean spacePrefix = metadata.bool(SPACE_PREFIX, true);
        return sound(metadata, SCORES, () -> new SpmTokenizer(vocabulary, scores, spacePrefix));
    }

    private static Vocabulary vocabulary(GgufMetadata metadata, boolean bosByDefault) {
        List<String> tokens = metadata.strings(TOKENS);
        int most = tokens.size() - 1;
        int bos = id(metadata, BOS, most);
        int eos = id(metadata, EOS, most);
        Markers markers = new Markers(bos, eos, id(metadata, UNKNOWN, most), id(metadata, PADDING, most),
                metadata.bool(ADD_BOS, bosByDefault) && bos != Markers.NONE, metadata.bool(ADD_EOS, false) && eos != Markers.NONE);
        return sound(metadata, TOKENS, () -> new Vocabulary(tokens, kinds(metadata, tokens.size()), markers));
    }

    private static int id(GgufMetadata metadata, String key, int most) {
        return metadata.has(key) && metadata.integer(key) != Markers.NONE && metadata.integer(key) != 0xFFFF_FFFFL
                ? metadata.integer(key, 0, most)
                : Markers.NONE;
    }

    private static List<TokenKind> kinds(GgufMetadata metadata, int size) {
        if (!metadata.has(KINDS)) {
            return Collections.nCopies(size, TokenKind.NORMAL);
        }
        List<TokenKind> kinds = new ArrayList<>(size);
        for (long id : metadata.integers(KINDS)) {
            kinds.add(TokenKind.of(id).orElseThrow(() -> metadata.error(KINDS, "has the unknown kind " + id)));
        }
        return kinds;
    }

    private static <T> T sound(GgufMetadata metadata, String key, Supplier<T> constructor) {
        try {
            return constructor.get();
        } catch (IllegalArgumentException e) {
            throw metadata.error(key, "is damaged: " + e.getMessage());
        }
    }

    /** Puts a byte-level BPE into the metadata of {@code writer}. */
    public static void write(BpeTokenizer tokenizer, GgufWriter writer) {
        writer.string(MODEL, "gpt2").string(PRE, tokenizer.preTokenizer().ggufName());
        write(tokenizer.vocabulary(), writer);
        writer.strings(MERGES, tokenizer.merges());
    }

    /** Puts a SentencePiece BPE into the metadata of {@code writer}. */
    public static void write(SpmTokenizer tokenizer, GgufWriter writer) {
        writer.string(MODEL, "llama").string(PRE, "default");
        write(tokenizer.vocabulary(), writer);
        writer.float32s(SCORES, tokenizer.scores()).bool(SPACE_PREFIX, tokenizer.spacePrefix());
    }

    private static void write(Vocabulary vocabulary, GgufWriter writer) {
        writer.strings(TOKENS, vocabulary.tokens());
        writer.int32s(KINDS, vocabulary.kinds().stream().mapToInt(TokenKind::id).toArray());
        Markers markers = vocabulary.markers();
        writeId(writer, BOS, markers.bos());
        writeId(writer, EOS, markers.eos());
        writeId(writer, UNKNOWN, markers.unknown());
        writeId(writer, PADDING, markers.padding());
        writer.bool(ADD_BOS, markers.addBos()).bool(ADD_EOS, markers.addEos());
    }

    private static void writeId(GgufWriter writer, String key, int id) {
        if (id != Markers.NONE) {
            writer.uint32(key, id);
        }
    }
}
