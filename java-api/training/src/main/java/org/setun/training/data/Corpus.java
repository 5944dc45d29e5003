package org.setun.training.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.setun.training.config.TrainingConfig.Data;
import org.setun.training.config.TrainingConfig.InvalidUtf8;

/**
 * The text of a run, split into a training and a held-out part. The split is by file: a seeded shuffle of the sorted names, of which the
 * first files that make up the held-out share of the bytes are held out, so no file lies in both parts; files above a tenth of that share
 * are passed over, so that no single one of them rules the evaluation. With fewer than {@value #MIN_FILES} files the tail of every file is
 * held out instead. The same files, share and seed always give the same split. {@code data.held_out_paths} takes the place of all this: it
 * names the held-out files, and all others are trained on.
 *
 * <p>Documents are read again from disk each time; the corpus itself holds only names. Close it after the last reading. One thread.
 */
public final class Corpus implements AutoCloseable {

    /** Fewer files than this are each cut in two. */
    public static final int MIN_FILES = 10;

    private final TextSource source;
    private final InvalidUtf8 invalid;
    private final List<Document> training;
    private final List<Document> heldOut;
    private final List<String> skipped;

    private Corpus(TextSource source, InvalidUtf8 invalid, List<Document> training, List<Document> heldOut, List<String> skipped) {
        this.source = source;
        this.invalid = invalid;
        this.training = training;
        this.heldOut = heldOut;
        this.skipped = skipped;
    }

    /** Finds, chooses, checks and splits the documents that {@code data} names; at least one byte must fall into each part. */
    public static Corpus open(Data data) throws IOException {
        if (data.paths().isEmpty()) {
            throw new IllegalArgumentException("data.paths is empty: name at least one file, folder or zip");
        }
        TextSource source = new TextSource();
        try {
            List<Document> documents = documents(source, data.paths(), data.glob());
            List<String> skipped = new ArrayList<>();
            List<Document> chosen = choose(documents, data, data.maxBytes(), skipped);
            List<Document> training = new ArrayList<>();
            List<Document> heldOut = new ArrayList<>();
            if (!data.heldOutPaths().isEmpty()) {
                requireApart(data);
                training.addAll(chosen);
                heldOut.addAll(choose(documents(source, data.heldOutPaths(), data.glob()), data, 0, skipped));
                training.sort(Comparator.comparing(Document::name));
                heldOut.sort(Comparator.comparing(Document::name));
            } else if (chosen.size() >= MIN_FILES) {
                splitByFile(chosen, data.heldOut(), training, heldOut);
            } else {
                splitTails(chosen, data.heldOut(), training, heldOut);
            }
            if (bytes(training) == 0 || bytes(heldOut) == 0) {
                throw new IllegalArgumentException("empty corpus: " + documents.size() + " files match '" + data.glob() + "' in "
                        + data.paths() + (skipped.isEmpty() ? "" : ", " + skipped.size() + " are not UTF-8") + ", " + bytes(training)
                        + " bytes to train on, " + bytes(heldOut) + " held out"
                        + (data.heldOutPaths().isEmpty() ? "" : " in " + data.heldOutPaths()));
            }
            return new Corpus(source, data.invalidUtf8(), training, heldOut, List.copyOf(skipped));
        } catch (IOException | RuntimeException e) {
            source.close();
            throw e;
        }
    }

    private static List<Document> documents(TextSource source, List<String> paths, String glob) throws IOException {
        List<Document> documents = new ArrayList<>();
        for (String path : paths) {
            documents.addAll(source.documents(Path.of(path), glob));
        }
        return documents;
    }

    /** What a model was trained on says nothing about it. */
    private static void requireApart(Data data) {
        for (String heldOut : data.heldOutPaths()) {
            Path held = Path.of(heldOut).toAbsolutePath().normalize();
            for (String path : data.paths()) {
                Path trained = Path.of(path).toAbsolutePath().normalize();
                if (held.startsWith(trained) || trained.startsWith(held)) {
                    throw new IllegalArgumentException("data.held_out_paths: " + heldOut + " and data.paths: " + path
                            + " have files in common: what is held out must not be trained on");
                }
            }
        }
    }

    /**
     * A seeded shuffle of the documents, cut after {@code maxBytes} (0 = never), without those that are left out for not being UTF-8.
     */
    private static List<Document> choose(List<Document> documents, Data data, long maxBytes, List<String> skipped) throws IOException {
        List<Document> shuffled = new ArrayList<>(documents);
        shuffled.sort(Comparator.comparing(Document::name));
        Collections.shuffle(shuffled, new Random(data.splitSeed()));
        List<Document> chosen = new ArrayList<>();
        long left = maxBytes > 0 ? maxBytes : Long.MAX_VALUE;
        for (Document document : shuffled) {
            if (left == 0) {
                break;
            }
            if (document.bytes() == 0) {
                continue;
            }
            if (data.invalidUtf8() == InvalidUtf8.SKIP && !TextPieces.isUtf8(document)) {
                skipped.add(document.name());
                continue;
            }
            Document part = document.bytes() <= left ? document : document.range(0, cut(document, left));
            chosen.add(part);
            left = document.bytes() <= left ? left - part.bytes() : 0;
        }
        return chosen;
    }

    private static void splitByFile(List<Document> shuffled, double share, List<Document> training, List<Document> heldOut) {
        long wanted = Math.max(1, Math.round(bytes(shuffled) * share));
        long held = 0;
        for (Document document : shuffled) {
            if (held < wanted && document.bytes() <= Math.max(wanted / MIN_FILES, 1)) {
                heldOut.add(document);
                held += document.bytes();
            } else {
                training.add(document);
            }
        }
        while (held < wanted * 0.9 && training.size() > 1) {
            Document smallest = training.stream().min(Comparator.comparingLong(Document::bytes).thenComparing(Document::name))
                    .orElseThrow();
            training.remove(smallest);
            heldOut.add(smallest);
            held += smallest.bytes();
        }
        training.sort(Comparator.comparing(Document::name));
        heldOut.sort(Comparator.comparing(Document::name));
    }

    private static void splitTails(List<Document> documents, double share, List<Document> training, List<Document> heldOut)
            throws IOException {
        documents.sort(Comparator.comparing(Document::name));
        for (Document document : documents) {
            long at = document.from() + cut(document, document.bytes() - Math.round(document.bytes() * share));
            training.add(document.range(document.from(), at));
            heldOut.add(document.range(at, document.to()));
        }
    }

    /** The largest offset up to {@code offset} that does not cut a UTF-8 sequence. */
    private static long cut(Document document, long offset) throws IOException {
        if (offset <= 0 || offset >= document.bytes()) {
            return Math.clamp(offset, 0, document.bytes());
        }
        long from = Math.max(0, offset - 4);
        try (var in = document.range(document.from() + from, document.from() + offset).open()) {
            byte[] tail = in.readAllBytes();
            return from + (tail.length == 0 ? 0 : TextPieces.characterBoundary(tail, tail.length));
        }
    }

    private static long bytes(List<Document> documents) {
        return documents.stream().mapToLong(Document::bytes).sum();
    }

    /** The documents to train on, sorted by name. */
    public List<Document> training() {
        return Collections.unmodifiableList(training);
    }

    /** The documents to evaluate on, sorted by name. */
    public List<Document> heldOut() {
        return Collections.unmodifiableList(heldOut);
    }

    /** Names of the documents left out because they are not UTF-8. */
    public List<String> skipped() {
        return skipped;
    }

    public long trainingBytes() {
        return bytes(training);
    }

    public long heldOutBytes() {
        return bytes(heldOut);
    }

    /** Receives text; {@code endOfDocument} is true for the last piece of a document, which may be empty. */
    @FunctionalInterface
    public interface TextSink {
        void accept(String text, boolean endOfDocument) throws IOException;
    }

    /** Streams documents as text in pieces of at most a mebibyte. */
    public void read(List<Document> documents, TextSink sink) throws IOException {
        for (Document document : documents) {
            TextPieces.read(document, invalid, text -> sink.accept(text, false));
            sink.accept("", true);
        }
    }

    @Override
    public void close() throws IOException {
        source.close();
    }
}
