package org.setun.training.lm;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufWriter;
import org.setun.formats.llama2c.Llama2cTokenizer;
import org.setun.formats.tokenizer.BpeTokenizer;
import org.setun.formats.tokenizer.GgufTokenizers;
import org.setun.formats.tokenizer.SpmTokenizer;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.formats.tokenizer.TokenizerJson;

/**
 * A tokenizer as checkpoints keep it: {@code tokenizer.json} and {@code tokenizer_config.json} for byte-level BPE, {@code tokenizer.gguf}, a GGUF file
 * without tensors, for SentencePiece.
 */
final class TokenizerFiles {

    private static final String JSON = "tokenizer.json";
    private static final String JSON_CONFIG = "tokenizer_config.json";
    private static final String GGUF = "tokenizer.gguf";
    private static final byte[] GGUF_MAGIC = {'G', 'G', 'U', 'F'};

    private TokenizerFiles() {
    }

    /** The tokenizer of {@code folder}; a folder without one is an error that names its {@code tokenizer.json}. */
    static Tokenizer read(Path folder) throws IOException {
        Path gguf = folder.resolve(GGUF);
        return open(Files.exists(gguf) ? gguf : folder.resolve(JSON));
    }

    /** Whether {@code folder} has a tokenizer. */
    static boolean isIn(Path folder) {
        return Files.exists(folder.resolve(GGUF)) || Files.exists(folder.resolve(JSON));
    }

    /** A {@code tokenizer.json}, a GGUF file with a tokenizer, or llama2.c's {@code tokenizer.bin}: told apart by how they begin. */
    static Tokenizer open(Path file) throws IOException {
        byte[] start;
        try (InputStream in = Files.newInputStream(file)) {
            start = in.readNBytes(GGUF_MAGIC.length);
        }
        if (Arrays.equals(start, GGUF_MAGIC)) {
            try (GgufFile gguf = GgufFile.open(file)) {
                return GgufTokenizers.read(gguf.metadata());
            }
        }
        // a tokenizer.bin begins with the length of its longest token, whose upper bytes are 0
        return start.length == GGUF_MAGIC.length && start[3] == 0 ? Llama2cTokenizer.open(file) : TokenizerJson.read(file);
    }

    /** Writes {@code tokenizer} to {@code folder}; files of another kind disappear. */
    static void write(Tokenizer tokenizer, Path folder) throws IOException {
        switch (tokenizer) {
            case BpeTokenizer bpe -> {
                TokenizerJson.write(bpe, folder.resolve(JSON));
                Files.deleteIfExists(folder.resolve(GGUF));
            }
            case SpmTokenizer spm -> {
                GgufWriter writer = new GgufWriter("llama");
                GgufTokenizers.write(spm, writer);
                writer.write(folder.resolve(GGUF));
                Files.deleteIfExists(folder.resolve(JSON));
                Files.deleteIfExists(folder.resolve(JSON_CONFIG));
            }
            default -> throw new IllegalArgumentException(
                    "tokenizer is a " + tokenizer.getClass().getName() + ", which no file can hold; use a BpeTokenizer or an SpmTokenizer");
        }
    }

    /** The files of {@code folder}, by name. */
    static Map<String, byte[]> bytes(Path folder) throws IOException {
        Map<String, byte[]> files = new TreeMap<>();
        for (String name : List.of(JSON, JSON_CONFIG, GGUF)) {
            Path file = folder.resolve(name);
            if (Files.exists(file)) {
                files.put(name, Files.readAllBytes(file));
            }
        }
        return files;
    }

    /** Whether two tokenizers give the same ids for the same text. */
    static boolean same(Tokenizer a, Tokenizer b) {
        boolean vocabulary = a.vocabulary().tokens().equals(b.vocabulary().tokens())
                && a.vocabulary().kinds().equals(b.vocabulary().kinds());
        return vocabulary && switch (a) {
            case BpeTokenizer x when b instanceof BpeTokenizer y -> x.preTokenizer() == y.preTokenizer() && x.merges().equals(y.merges());
            case SpmTokenizer x when b instanceof SpmTokenizer y -> x.spacePrefix() == y.spacePrefix()
                    && Arrays.equals(x.scores(), y.scores());
            default -> false;
        };
    }
}
