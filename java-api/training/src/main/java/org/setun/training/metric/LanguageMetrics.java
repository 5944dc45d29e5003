package org.setun.training.metric;

/** Measures of language models from summed losses. */
public final class LanguageMetrics {

    private LanguageMetrics() {
    }

    /** {@code exp} of the mean loss in nats per token. */
    public static double perplexity(double nats, long tokens) {
        requirePositive("tokens", tokens);
        return Math.exp(nats / tokens);
    }

    /** Bits that the model needs per byte of text: comparable between tokenizers, and with {@link ByteNgram}. */
    public static double bitsPerByte(double nats, long textBytes) {
        requirePositive("text bytes", textBytes);
        return nats / Math.log(2) / textBytes;
    }

    /** Share of right answers. */
    public static double accuracy(long right, long total) {
        requirePositive("total", total);
        if (right < 0 || right > total) {
            throw new IllegalArgumentException("right: " + right + ", must be in [0, " + total + "]");
        }
        return (double) right / total;
    }

    private static void requirePositive(String name, long value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + ": " + value + ", must be at least 1");
        }
    }
}
