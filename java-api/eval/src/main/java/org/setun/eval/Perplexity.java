package org.setun.eval;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.LongConsumer;
import org.setun.formats.tokenizer.Markers;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.inference.InferenceModel;
import org.setun.inference.InferenceSession;
import org.setun.kernels.Backend;
import org.setun.kernels.Buffer;
import org.setun.kernels.MemoryPool;

/**
 * Measures how well a model predicts a text. The text is cut into windows; each starts with an empty cache. With a stride below the window,
 * windows overlap and a token is scored in the first window that holds it, with at least {@code window - stride} tokens before it.
 */
public final class Perplexity {

    /**
     * What to measure.
     *
     * @param window tokens that are seen together, at least 2
     * @param stride tokens from one window to the next, in [1, window]; smaller is slower and gives every token more to go by
     * @param maxTokens most tokens of the text to use; 0 = all
     */
    public record Options(int window, int stride, long maxTokens) {

        public Options {
            if (window < 2) {
                throw new IllegalArgumentException("window = " + window + " must be at least 2");
            }
            if (stride < 1 || stride > window) {
                throw new IllegalArgumentException("stride = " + stride + " must be in [1, window = " + window + "]");
            }
            if (maxTokens < 0) {
                throw new IllegalArgumentException("maxTokens = " + maxTokens + " must be at least 0 (0 = all)");
            }
        }

        /** Windows side by side. */
        public static Options window(int tokens) {
            return new Options(tokens, tokens, 0);
        }

        /** The same with another stride. */
        public Options withStride(int tokens) {
            return new Options(window, tokens, maxTokens);
        }

        /** The same for the first {@code tokens} tokens. */
        public Options withMaxTokens(long tokens) {
            return new Options(window, stride, tokens);
        }
    }

    private final InferenceModel model;
    private final Backend backend;

    /** Measures {@code model} on the backend that it was loaded for. */
    public Perplexity(InferenceModel model, Backend backend) {
        this.model = model;
        this.backend = backend;
    }

    /** As {@link #measure(String, Options, LongConsumer)} without progress. */
    public TextScore measure(String text, Options options) {
        return measure(text, options, done -> {
        });
    }

    /**
     * Scores a text. A begin marker that the tokenizer adds stands before the first token, which is then scored too.
     *
     * @param progress receives the number of tokens done after each window
     * @throws IllegalArgumentException if the text has fewer than two tokens, or the window exceeds the model's context
     */
    public TextScore measure(String text, Options options, LongConsumer progress) {
        Tokenizer tokenizer = model.tokenizer();
        Markers markers = tokenizer.vocabulary().markers();
        int[] ids = tokenizer.encode(text, false, false);
        if (markers.addBos()) {
            int[] marked = new int[ids.length + 1];
            marked[0] = markers.bos();
            System.arraycopy(ids, 0, marked, 1, ids.length);
            ids = marked;
        }
        return measure(ids, options, progress);
    }

    /** Scores all tokens but the first. Bytes are counted if the model has a tokenizer. */
    public TextScore measure(int[] tokens, Options options, LongConsumer progress) {
        int[] used = options.maxTokens() == 0 || options.maxTokens() >= tokens.length
                ? tokens
                : Arrays.copyOf(tokens, (int) options.maxTokens());
        if (used.length < 2) {
            throw new IllegalArgumentException(
                    "the text has " + used.length + " tokens, at least 2 are needed to predict one from another");
        }
        long start = System.nanoTime();
        int window = Math.min(options.window(), used.length);
        try (InferenceSession session = model.newSession(window);
                MemoryPool memory = MemoryPool.builder(backend).slabBytes(1 << 20).build()) {
            Tally tally = new Tally(used, memory.allocate(4L * window), memory.allocate(4L * window));
            int scored = 1; // the first token has nothing before it
            for (int from = 0; scored < used.length; from += options.stride()) {
                int to = Math.min(from + window, used.length);
                tally.nextWindow(from, scored);
                session.truncate(0);
                session.score(Arrays.copyOfRange(used, from, to), tally);
                // The last position of a window predicts the first token after it, which belongs to this window then.
                scored = Math.min(to + 1, used.length);
                progress.accept(Math.min(to, used.length));
            }
            return tally.result(bytes(used), System.nanoTime() - start);
        }
    }

    private long bytes(int[] tokens) {
        if (!model.hasTokenizer()) {
            return 0;
        }
        long bytes = 0;
        for (int i = 1; i < tokens.length; i++) {
            bytes += model.tokenizer().bytes(tokens[i]).length;
        }
        return bytes;
    }

    /** Sums over the tokens of all windows. */
    private final class Tally implements InferenceSession.LogitsConsumer {

        private final int[] tokens;
        private final MemorySegment targets;
        private final MemorySegment losses;
        private final int vocab = model.config().vocab();
        private int windowStart;
        private int firstScored;
        private long count;
        private long hits;
        private long computed;
        private double loss;

        Tally(int[] tokens, Buffer targets, Buffer losses) {
            this.tokens = tokens;
            this.targets = targets.segment();
            this.losses = losses.segment();
        }

        void nextWindow(int start, int first) {
            windowStart = start;
            firstScored = first;
        }

        @Override
        public void accept(int first, int rows, MemorySegment logits) {
            computed += rows;
            for (int row = 0; row < rows; row++) {
                int next = windowStart + first + row + 1;
                boolean scored = next >= firstScored && next < tokens.length;
                targets.setAtIndex(ValueLayout.JAVA_INT, row, scored ? tokens[next] : -1);
            }
            backend.crossEntropy(logits, targets, rows, vocab, losses, null, 1);
            for (int row = 0; row < rows; row++) {
                int target = targets.getAtIndex(ValueLayout.JAVA_INT, row);
                if (target >= 0) {
                    count++;
                    loss += losses.getAtIndex(ValueLayout.JAVA_FLOAT, row);
                    hits += isBest(logits, (long) row * vocab, target) ? 1 : 0;
                }
            }
        }

        private boolean isBest(MemorySegment logits, long offset, int target) {
            float own = logits.getAtIndex(ValueLayout.JAVA_FLOAT, offset + target);
            for (int id = 0; id < vocab; id++) {
                float other = logits.getAtIndex(ValueLayout.JAVA_FLOAT, offset + id);
                if (other > own || other == own && id < target) {
                    return false;
                }
            }
            return true;
        }

        TextScore result(long bytes, long nanos) {
            return new TextScore(count, bytes, loss, hits, computed, nanos * 1e-9);
        }
    }
}
