package org.setun.eval;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;
import org.setun.inference.InferenceModel;
import org.setun.inference.InferenceSession;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;

/**
 * Compares the predictions of two models of one vocabulary on the same tokens, window by window, each window with an empty cache: what
 * quantization changes, apart from how hard the text is.
 */
public final class ModelComparison {

    /**
     * What one window showed. All sums are over its scored tokens: every token but the window's first.
     *
     * @param tokens        scored tokens
     * @param referenceLoss negative log-likelihood of the first model, in nats
     * @param loss          that of the second
     * @param divergence    Kullback-Leibler divergence of the second model's distribution from the first's, in nats
     * @param agreed        tokens where both find the same next token likeliest
     * @param hits          tokens that the second model found likeliest
     */
    public record Window(int tokens, double referenceLoss, double loss, double divergence, int agreed, int hits) {
    }

    /**
     * All windows together.
     *
     * @param windows in the order of the text
     */
    public record Result(List<Window> windows) {

        public Result {
            windows = List.copyOf(windows);
        }

        /** Scored tokens. */
        public long tokens() {
            return windows.stream().mapToLong(Window::tokens).sum();
        }

        /** The first model's perplexity. */
        public double referencePerplexity() {
            return Math.exp(windows.stream().mapToDouble(Window::referenceLoss).sum() / tokens());
        }

        /** The second model's perplexity. */
        public double perplexity() {
            return Math.exp(windows.stream().mapToDouble(Window::loss).sum() / tokens());
        }

        /** Mean divergence in nats per token. */
        public double divergence() {
            return windows.stream().mapToDouble(Window::divergence).sum() / tokens();
        }

        /** The share of tokens where both find the same next token likeliest. */
        public double agreement() {
            return (double) windows.stream().mapToLong(Window::agreed).sum() / tokens();
        }

        /** The share of tokens that the second model found likeliest. */
        public double accuracy() {
            return (double) windows.stream().mapToLong(Window::hits).sum() / tokens();
        }
    }

    private final InferenceModel reference;
    private final InferenceModel model;
    private final Backend backend;

    /**
     * Compares {@code model} with {@code reference}, both loaded for {@code backend}.
     *
     * @throws IllegalArgumentException if their vocabularies differ in size
     */
    public ModelComparison(InferenceModel reference, InferenceModel model, Backend backend) {
        if (reference.config().vocab() != model.config().vocab()) {
            throw new IllegalArgumentException("the models' vocabularies differ: " + reference.config().vocab() + " and "
                    + model.config().vocab() + " tokens");
        }
        this.reference = reference;
        this.model = model;
        this.backend = backend;
    }

    /**
     * Runs both models over {@code tokens}; a rest shorter than two tokens is left out.
     *
     * @param window   tokens seen together, from 2 to the models' context; memory of {@code 4 * window * vocab} bytes is taken
     * @param progress receives the number of tokens done after each window
     * @throws IllegalArgumentException if there are fewer than two tokens
     */
    public Result measure(int[] tokens, int window, LongConsumer progress) {
        if (window < 2) {
            throw new IllegalArgumentException("window = " + window + " must be at least 2");
        }
        if (tokens.length < 2) {
            throw new IllegalArgumentException("tokens = " + tokens.length + ": at least 2 are needed to predict one from another");
        }
        int vocab = reference.config().vocab();
        List<Window> windows = new ArrayList<>();
        try (InferenceSession first = reference.newSession(window);
                InferenceSession second = model.newSession(window);
                MemoryPool memory = MemoryPool.builder(backend).slabBytes(1 << 20).build()) {
            MemorySegment kept = memory.allocate(Math.multiplyExact(4L * window, vocab)).segment();
            for (int from = 0; tokens.length - from >= 2; from += window) {
                int[] part = Arrays.copyOfRange(tokens, from, Math.min(from + window, tokens.length));
                if (part.length < 2) {
                    break;
                }
                first.truncate(0);
                first.score(part,
                        (position, rows, logits) -> MemorySegment.copy(logits, 0, kept, 4L * position * vocab, 4L * rows * vocab));
                Tally tally = new Tally(part, kept, vocab);
                second.truncate(0);
                second.score(part, tally);
                windows.add(tally.window());
                progress.accept((long) from + part.length);
            }
        }
        return new Result(windows);
    }

    /** The sums of one window. */
    private static final class Tally implements InferenceSession.LogitsConsumer {

        private final int[] tokens;
        private final MemorySegment kept;
        private final int vocab;
        private final float[] expected;
        private final float[] actual;
        private double referenceLoss;
        private double loss;
        private double divergence;
        private int agreed;
        private int hits;

        Tally(int[] tokens, MemorySegment kept, int vocab) {
            this.tokens = tokens;
            this.kept = kept;
            this.vocab = vocab;
            this.expected = new float[vocab];
            this.actual = new float[vocab];
        }

        @Override
        public void accept(int first, int rows, MemorySegment logits) {
            for (int row = 0; row < rows && first + row + 1 < tokens.length; row++) {
                MemorySegment.copy(kept, ValueLayout.JAVA_FLOAT, 4L * (first + row) * vocab, expected, 0, vocab);
                MemorySegment.copy(logits, ValueLayout.JAVA_FLOAT, 4L * row * vocab, actual, 0, vocab);
                add(tokens[first + row + 1]);
            }
        }

        private void add(int target) {
            int best = argmax(expected);
            int other = argmax(actual);
            double normalizer = logSumExp(expected, expected[best]);
            double otherNormalizer = logSumExp(actual, actual[other]);
            double sum = 0;
            for (int id = 0; id < vocab; id++) {
                double logProbability = expected[id] - normalizer;
                sum += Math.exp(logProbability) * (logProbability - (actual[id] - otherNormalizer));
            }
            divergence += sum;
            referenceLoss += normalizer - expected[target];
            loss += otherNormalizer - actual[target];
            agreed += best == other ? 1 : 0;
            hits += target == other ? 1 : 0;
        }

        private static int argmax(float[] values) {
            int best = 0;
            for (int i = 1; i < values.length; i++) {
                best = values[i] > values[best] ? i : best;
            }
            return best;
        }

        private static double logSumExp(float[] values, float largest) {
            double sum = 0;
            for (float value : values) {
                sum += Math.exp(value - largest);
            }
            return largest + Math.log(sum);
        }

        Window window() {
            return new Window(tokens.length - 1, referenceLoss, loss, divergence, agreed, hits);
        }
    }
}
