package org.setun.training.metric;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import org.setun.training.data.Document;

/**
 * A byte n-gram language model: the baseline that a trained network has to beat. Order n predicts a byte from the n - 1 bytes before it, by
 * interpolated Kneser-Ney smoothing with three discounts per order (Chen and Goodman, "An empirical study of smoothing techniques for
 * language modeling", 1998); below order 1 lies the uniform distribution over 256 bytes, so every byte has a probability and they sum to 1.
 * Documents are independent: each begins after n - 1 zero bytes. Immutable; any thread.
 *
 * <p>Memory: at most {@value #MAX_NGRAMS} different n-grams are counted, about 50 bytes each; later new ones are ignored.
 */
public final class ByteNgram {

    /** The order of the usual baseline. */
    public static final int DEFAULT_ORDER = 5;
    private static final int MAX_ORDER = 7;
    private static final int MAX_NGRAMS = 1 << 24;

    private final int order;
    private final KneserNeyLevel[] levels;

    private ByteNgram(int order, KneserNeyLevel[] levels) {
        this.order = order;
        this.levels = levels;
    }

    /** Counts {@code documents} and fits a model of {@code order} in [1, {@value #MAX_ORDER}]. */
    public static ByteNgram train(int order, List<Document> documents) throws IOException {
        if (order < 1 || order > MAX_ORDER) {
            throw new IllegalArgumentException("order: " + order + ", must be in [1, " + MAX_ORDER + "]");
        }
        NgramTable counts = new NgramTable();
        for (Document document : documents) {
            scan(order, document, ngram -> counts.increment(ngram, MAX_NGRAMS));
        }
        KneserNeyLevel[] levels = new KneserNeyLevel[order];
        NgramTable table = counts;
        for (int n = order; n >= 1; n--) {
            levels[n - 1] = new KneserNeyLevel(table);
            NgramTable shorter = new NgramTable();
            long mask = mask(n - 1);
            table.forEachKey(ngram -> shorter.increment(ngram & mask, Integer.MAX_VALUE));
            table = shorter;
        }
        return new ByteNgram(order, levels);
    }

    private static long mask(int bytes) {
        return (1L << 8 * bytes) - 1;
    }

    private interface NgramSink {
        void accept(long ngram);
    }

    private static void scan(int order, Document document, NgramSink sink) throws IOException {
        long mask = mask(order);
        long ngram = 0;
        byte[] buffer = new byte[(int) Math.min(1 << 16, Math.max(document.bytes(), 1))];
        try (InputStream in = document.open()) {
            for (int count = in.read(buffer); count > 0; count = in.read(buffer)) {
                for (int i = 0; i < count; i++) {
                    ngram = (ngram << 8 | buffer[i] & 0xFF) & mask;
                    sink.accept(ngram);
                }
            }
        }
    }

    /** The probability of {@code next} in [0, 256) after {@code context}, whose last bytes count most. */
    public double probability(byte[] context, int next) {
        long ngram = 0;
        for (byte b : context) {
            ngram = ngram << 8 | b & 0xFF;
        }
        return probability((ngram << 8 | next) & mask(order));
    }

    private double probability(long ngram) {
        double p = 1.0 / 256;
        for (int n = 1; n <= order; n++) {
            p = levels[n - 1].probability(ngram & mask(n), p);
        }
        return p;
    }

    /** Mean of {@code -log2 p} over the bytes of {@code documents}; NaN if there are none. */
    public double bitsPerByte(List<Document> documents) throws IOException {
        double[] bits = {0};
        long[] bytes = {0};
        for (Document document : documents) {
            scan(order, document, ngram -> {
                bits[0] -= Math.log(probability(ngram));
                bytes[0]++;
            });
        }
        return bits[0] / Math.log(2) / bytes[0];
    }

    /** The number of different n-grams of the highest order. */
    public int size() {
        return levels[order - 1].size();
    }
}
