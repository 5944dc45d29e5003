package org.setun.inference;

/**
 * How the next token is chosen from the logits: temperature, then softmax, then the {@code topK} most probable tokens, then the smallest
 * set
 * of them whose probability reaches {@code topP} (nucleus sampling, arXiv 1904.09751), then one draw.
 *
 * @param temperature 0 chooses the most probable token (the lowest id among equals); otherwise the divisor of the logits, finite and
 *                    positive
 * @param topK how many tokens may be chosen from; 0 = all
 * @param topP in (0, 1]; 1 = all
 * @param seed equal seeds give equal draws for equal logits
 */
public record Sampling(float temperature, int topK, float topP, long seed) {

    public Sampling {
        if (!(temperature >= 0) || Float.isInfinite(temperature)) {
            throw new IllegalArgumentException("temperature = " + temperature + " must be finite and at least 0");
        }
        if (topK < 0) {
            throw new IllegalArgumentException("topK = " + topK + " must be at least 0 (0 = all tokens)");
        }
        if (!(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException("topP = " + topP + " must be in (0, 1]");
        }
    }

    /** Always the most probable token. */
    public static Sampling greedy() {
        return new Sampling(0, 0, 1, 0);
    }

    /** Plain sampling from the softmax at {@code temperature}. */
    public static Sampling temperature(float temperature, long seed) {
        return new Sampling(temperature, 0, 1, seed);
    }

    public Sampling withTopK(int k) {
        return new Sampling(temperature, k, topP, seed);
    }

    public Sampling withTopP(float p) {
        return new Sampling(temperature, topK, p, seed);
    }

    public boolean isGreedy() {
        return temperature == 0 || topK == 1;
    }
}
