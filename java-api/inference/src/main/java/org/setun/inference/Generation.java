package org.setun.inference;

/**
 * A finished continuation.
 *
 * @param text the new text, without the prompt and without a stop string
 * @param tokens the new tokens, without the one that ends the text; with a stop string, up to the token that completed it
 * @param end why it ended
 * @param promptTokens tokens of the prompt, the one that begins a text included
 * @param prefillNanos time to read the prompt and to have its logits
 * @param decodeNanos time of all further single-token steps, sampling and decoding included
 * @param decodeSteps how many such steps ran
 */
public record Generation(String text, int[] tokens, End end, int promptTokens, long prefillNanos, long decodeNanos, int decodeSteps) {

    /** Why a text ended. */
    public enum End {
        /** The model chose a token that ends a text. */
        END_OF_TEXT,
        /** A stop string appeared. */
        STOP_STRING,
        /** {@link GenerationOptions#maxTokens()} tokens were added. */
        MAX_TOKENS,
        /** The session's context is full. */
        CONTEXT_FULL
    }

    /** Prompt tokens per second. */
    public double prefillRate() {
        return promptTokens / (Math.max(1, prefillNanos) * 1e-9);
    }

    /** New tokens per second after the first; 0 if there was none. */
    public double decodeRate() {
        return decodeSteps / (Math.max(1, decodeNanos) * 1e-9);
    }
}
