package org.setun.training.lm;

import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.setun.formats.AtomicFile;
import org.setun.formats.FormatException;
import org.setun.formats.Sha256;
import org.setun.formats.tokenizer.BpeTrainer;
import org.setun.formats.tokenizer.PreTokenizer;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.training.config.TrainingConfig;
import org.setun.training.data.Corpus;
import org.setun.training.data.Document;
import org.setun.training.data.TokenFile;

/**
 * A corpus, the tokenizer for it, and its tokens on disk. The folder keeps {@code tokenizer.json} (SentencePiece: {@code tokenizer.gguf}),
 * {@code train.tokens} and {@code heldout.tokens}; they are used again if they were made from the same text with the same settings, and made anew otherwise.
 * {@code tokenizer_source.txt} says what the tokenizer was trained on. One end-of-text token follows each document; tokenizers that
 * begin texts with a token of their own put it before each.
 */
public final class TokenizedCorpus implements AutoCloseable {

    /** Ends documents. */
    public static final String END_OF_TEXT = "<|endoftext|>";
    private static final String TOKENIZER_SOURCE = "tokenizer_source.txt";

    private final Corpus corpus;
    private final Tokenizer tokenizer;
    private final Map<String, byte[]> tokenizerFiles;
    private final TokenFile training;
    private final TokenFile heldOut;

    private TokenizedCorpus(Corpus corpus, Tokenizer tokenizer, Map<String, byte[]> files, TokenFile training, TokenFile heldOut) {
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
            byte[] trainingText = textHash(corpus.training());
            Tokenizer tokenizer = tokenizer(config, corpus, trainingText, folder);
            Map<String, byte[]> files = TokenizerFiles.bytes(folder);
            byte[] tokenizerFile = files.values().iterator().next();
            byte[] reading = (config.data().invalidUtf8().name() + (tokenizer.vocabulary().markers().addBos() ? " bos" : ""))
                    .getBytes(StandardCharsets.US_ASCII);
            byte[] hash = sha256(tokenizerFile, reading, trainingText);
            training = tokens(folder.resolve("train.tokens"), corpus, corpus.training(), tokenizer, hash);
            hash = sha256(tokenizerFile, reading, textHash(corpus.heldOut()));
            TokenFile heldOut = tokens(folder.resolve("heldout.tokens"), corpus, corpus.heldOut(), tokenizer, hash);
            return new TokenizedCorpus(corpus, tokenizer, files, training, heldOut);
        } catch (IOException | RuntimeException e) {
            if (training != null) {
                training.close();
            }
            corpus.close();
            throw e;
        }
    }

    private static Tokenizer tokenizer(TrainingConfig config, Corpus corpus, byte[] trainingText, Path folder) throws IOException {
        TrainingConfig.Tokenizer settings = config.tokenizer();
        Path source = folder.resolve(TOKENIZER_SOURCE);
        if (!settings.file().isEmpty() || !config.model().start().isEmpty()) {
            Tokenizer given = StartModel.tokenizer(config);
            Files.deleteIfExists(source);
            TokenizerFiles.write(given, folder);
            return given;
        }
        byte[] wanted = source(settings, trainingText);
        if (!TokenizerFiles.isIn(folder) || !Files.exists(source) || !Arrays.equals(Files.readAllBytes(source), wanted)) {
            Files.deleteIfExists(source); // it must never stand beside a tokenizer that it does not describe
            TokenizerFiles.write(train(settings, corpus), folder);
            AtomicFile.write(source, wanted);
        }
        return TokenizerFiles.read(folder);
    }

    /** All that a trained tokenizer depends on. */
    private static byte[] source(TrainingConfig.Tokenizer settings, byte[] trainingText) {
        return ("vocab_size = " + settings.vocabSize() + "\ntrain_bytes = " + settings.trainBytes() + "\ntext_sha256 = "
                + HexFormat.of().formatHex(trainingText) + "\n").getBytes(StandardCharsets.US_ASCII);
    }

    private static Tokenizer train(TrainingConfig.Tokenizer settings, Corpus corpus) throws IOException {
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

    private static TokenFile tokens(Path file, Corpus corpus, List<Document> documents, Tokenizer tokenizer, byte[] hash)
            throws IOException {
        if (Files.exists(file)) {
            try {
                return TokenFile.open(file, hash);
            } catch (FormatException e) {
                Files.delete(file); // of another text, another tokenizer, or damaged: made anew below
            }
        }
        int[] end = {tokenizer.eos()};
        int[] begin = {tokenizer.bos()};
        boolean[] isFirst = {tokenizer.vocabulary().markers().addBos()};
        TokenFile.write(file, tokenizer.vocabSize(), hash, sink -> corpus.read(documents, (text, endOfDocument) -> {
            if (isFirst[0]) {
                sink.accept(begin, 0);
                isFirst[0] = false;
            }
            if (!text.isEmpty()) {
                sink.accept(tokenizer.encode(text, false), text.getBytes(StandardCharsets.UTF_8).length);
            }
            if (endOfDocument && end[0] >= 0) {
                sink.accept(end, 0);
            }
            isFirst[0] = endOfDocument && tokenizer.vocabulary().markers().addBos();
        }));
        return TokenFile.open(file, hash);
    }

    /** SHA-256 over the documents: their names, ranges and bytes. */
    private static byte[] textHash(List<Document> documents) throws IOException {
        MessageDigest digest = Sha256.digest();
        DataOutputStream out = new DataOutputStream(new DigestOutputStream(OutputStream.nullOutputStream(), digest));
        for (Document document : documents) {
            out.writeUTF(document.name());
            out.writeLong(document.from());
            out.writeLong(document.to());
            try (InputStream in = document.open()) {
                in.transferTo(out);
            }
        }
        return digest.digest();
    }

    /** SHA-256 over parts, each after its length. */
    private static byte[] sha256(byte[]... parts) {
        MessageDigest digest = Sha256.digest();
        for (byte[] part : parts) {
            digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, part.length));
            digest.update(part);
        }
        return digest.digest();
    }

    public Corpus corpus() {
        return corpus;
    }

    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** The tokenizer's files by name, for checkpoints. */
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
