package org.setun.eval;

/**
 * How well a model predicted a text.
 *
 * @param tokens tokens that were scored
 * @param bytes bytes of text that they stand for; 0 if not known
 * @param loss the sum of their negative log-likelihoods in nats
 * @param hits how many of them had the greatest probability
 * @param computed tokens that ran through the model: more than {@code tokens} where windows overlap
 * @param seconds the time it took
 */
public record TextScore(long tokens, long bytes, double loss, long hits, long computed, double seconds) {

    /** Nats per token. */
    public double lossPerToken() {
        return loss / tokens;
    }

    /** e to the loss per token. */
    public double perplexity() {
        return Math.exp(lossPerToken());
    }

    /** Bits per byte of text: comparable between tokenizers; NaN if the bytes are not known. */
    public double bitsPerByte() {
        return bytes == 0 ? Double.NaN : loss / Math.log(2) / bytes;
    }

    /** The share of tokens that had the greatest probability. */
    public double accuracy() {
        return (double) hits / tokens;
    }

    /** Tokens through the model per second. */
    public double tokensPerSecond() {
        return computed / seconds;
    }
}
