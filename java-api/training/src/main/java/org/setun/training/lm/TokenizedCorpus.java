package org.setun.training.lm;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.setun.formats.FormatException;
import org.setun.formats.tokenizer.BpeTokenizer;
import org.setun.formats.tokenizer.BpeTrainer;
import org.setun.formats.tokenizer.PreTokenizer;
import org.setun.formats.tokenizer.TokenizerJson;
import org.setun.training.config.TrainingConfig;
import org.setun.training.data.Corpus;
import org.setun.training.data.Document;
import org.setun.training.data.TokenFile;

/**
 * A corpus, the tokenizer for it, and its tokens on disk. The folder keeps {@code tokenizer.json}, {@code train.tokens} and
 * {@code heldout.tokens}; they are used again if they were made from the same documents by the same tokenizer, and made anew otherwise. One
 * end-of-text token follows each document.
 */
public final class TokenizedCorpus implements AutoCloseable {

    /** Ends documents. */
    public static final String END_OF_TEXT = "<|endoftext|>";
    private static final String TOKENIZER = "tokenizer.json";
    private static final String TOKENIZER_CONFIG = "tokenizer_config.json";

    private final Corpus corpus;
    private final BpeTokenizer tokenizer;
    private final Map<String, byte[]> tokenizerFiles;
    private final TokenFile training;
    private final TokenFile heldOut;

    private TokenizedCorpus(Corpus corpus, BpeTokenizer tokenizer, Map<String, byte[]> files, TokenFile training, TokenFile heldOut) {
        this.corpus = corpus;
        this.tokenizer = tokenizer;
        this.tokenizerFiles = files;
        this.training = training;
        this.heldOut = heldOut;
    }

    /** Reads the corpus and prepares tokenizer and tokens in {@code folder}, which is made if missing. */
    public static TokenizedCorpus prepare(TrainingConfig config, Path folder) throws IOException {
        Files.createDirectories(folder);
        Corpus corpus = Corpus.open(config.data());
        TokenFile training = null;
        try {
            BpeTokenizer tokenizer = tokenizer(config, corpus, folder);
            Map<String, byte[]> files = new TreeMap<>();
            for (String name : List.of(TOKENIZER, TOKENIZER_CONFIG)) {
                files.put(name, Files.readAllBytes(folder.resolve(name)));
            }
            training = tokens(folder.resolve("train.tokens"), corpus, corpus.training(), tokenizer, files);
            TokenFile heldOut = tokens(folder.resolve("heldout.tokens"), corpus, corpus.heldOut(), tokenizer, files);
            return new TokenizedCorpus(corpus, tokenizer, files, training, heldOut);
        } catch (IOException | RuntimeException e) {
            if (training != null) {
                training.close();
            }
            corpus.close();
            throw e;
        }
    }

    private static BpeTokenizer tokenizer(TrainingConfig config, Corpus corpus, Path folder) throws IOException {
        Path file = folder.resolve(TOKENIZER);
        if (!config.tokenizer().file().isEmpty()) {
            BpeTokenizer given = TokenizerJson.read(Path.of(config.tokenizer().file()));
            TokenizerJson.write(given, file);
            return given;
        }
        if (!Files.exists(file)) {
            TokenizerJson.write(train(config.tokenizer(), corpus), file);
        }
        return TokenizerJson.read(file);
    }

    private static BpeTokenizer train(TrainingConfig.Tokenizer settings, Corpus corpus) throws IOException {
        BpeTrainer trainer = new BpeTrainer(settings.vocabSize(), PreTokenizer.GPT_2, List.of(END_OF_TEXT));
        long[] left = {settings.trainBytes() > 0 ? settings.trainBytes() : Long.MAX_VALUE};
        corpus.read(corpus.training(), (text, end) -> {
            if (left[0] > 0 && !text.isEmpty()) {
                trainer.add(text);
                left[0] -= text.length();
            }
        });
        return trainer.train();
    }

    private static TokenFile tokens(Path file, Corpus corpus, List<Document> documents, BpeTokenizer tokenizer, Map<String, byte[]> files)
            throws IOException {
        byte[] hash = fingerprint(documents, files.get(TOKENIZER));
        if (Files.exists(file)) {
            try {
                return TokenFile.open(file, hash);
            } catch (FormatException e) {
                Files.delete(file); // of other documents, another tokenizer, or damaged: made anew below
            }
        }
        int[] end = {tokenizer.eos()};
        TokenFile.write(file, tokenizer.vocabSize(), hash, sink -> corpus.read(documents, (text, endOfDocument) -> {
            if (!text.isEmpty()) {
                sink.accept(tokenizer.encode(text, false), text.getBytes(StandardCharsets.UTF_8).length);
            }
            if (endOfDocument && end[0] >= 0) {
                sink.accept(end, 0);
            }
        }));
        return TokenFile.open(file, hash);
    }

    /** SHA-256 over the tokenizer and the names and ranges of the documents. */
    private static byte[] fingerprint(List<Document> documents, byte[] tokenizer) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.write(tokenizer);
        for (Document document : documents) {
            out.writeUTF(document.name());
            out.writeLong(document.from());
            out.writeLong(document.to());
        }
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes.toByteArray());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    public Corpus corpus() {
        return corpus;
    }

    public BpeTokenizer tokenizer() {
        return tokenizer;
    }

    /** {@code tokenizer.json} and {@code tokenizer_config.json}, for checkpoints. */
    public Map<String, byte[]> tokenizerFiles() {
        return tokenizerFiles;
    }

    public TokenFile training() {
        return training;
    }

    public TokenFile heldOut() {
        return heldOut;
    }

    @Override
    public void close() throws IOException {
        training.close();
        heldOut.close();
        corpus.close();
    }
}
