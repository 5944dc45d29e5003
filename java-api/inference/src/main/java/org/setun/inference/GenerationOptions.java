package org.setun.inference;

import java.util.List;

/**
 * How far and how to continue a text.
 *
 * @param maxTokens most tokens to add, at least 1
 * @param sampling how each token is chosen
 * @param stops strings before which the text ends; none may be empty
 * @param ignoreEndOfText whether to go on when the model ends its text
 */
public record GenerationOptions(int maxTokens, Sampling sampling, List<String> stops, boolean ignoreEndOfText) {

    public GenerationOptions {
        if (maxTokens < 1) {
            throw new IllegalArgumentException("maxTokens = " + maxTokens + " must be at least 1");
        }
        if (stops.stream().anyMatch(String::isEmpty)) {
            throw new IllegalArgumentException("stops = " + stops + " must not hold an empty string");
        }
        stops = List.copyOf(stops);
    }

    /** The most probable token each time, up to {@code maxTokens} or the end of the text. */
    public static GenerationOptions greedy(int maxTokens) {
        return new GenerationOptions(maxTokens, Sampling.greedy(), List.of(), false);
    }

    public GenerationOptions withSampling(Sampling how) {
        return new GenerationOptions(maxTokens, how, stops, ignoreEndOfText);
    }

    public GenerationOptions withStops(String... strings) {
        return new GenerationOptions(maxTokens, sampling, List.of(strings), ignoreEndOfText);
    }

    public GenerationOptions withIgnoreEndOfText(boolean ignore) {
        return new GenerationOptions(maxTokens, sampling, stops, ignore);
    }
}
