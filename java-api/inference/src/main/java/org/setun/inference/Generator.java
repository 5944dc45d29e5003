package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.setun.formats.tokenizer.Markers;
import org.setun.formats.tokenizer.StreamingDecoder;
import org.setun.formats.tokenizer.Tokenizer;

/** Continues texts with a model. Holds one {@link InferenceSession}, which starts anew with each call. One caller at a time. */
public final class Generator implements AutoCloseable {

    private final InferenceModel model;
    private final Tokenizer tokenizer;
    private final InferenceSession session;

    /** A generator with {@link InferenceModel#defaultContext()}. */
    public Generator(InferenceModel model) {
        this(model, model.defaultContext());
    }

    /**
     * A generator.
     *
     * @param context most tokens of prompt and continuation together
     * @throws IllegalStateException if the model has no tokenizer
     */
    public Generator(InferenceModel model, int context) {
        this.model = model;
        this.tokenizer = model.tokenizer();
        this.session = model.newSession(context);
    }

    /**
     * Continues {@code prompt}, which control tokens written in it do not change. An empty prompt stands for the begin of a text.
     *
     * @throws IllegalArgumentException if the prompt does not fit into the context, or is empty where no token begins a text
     */
    public Generation generate(String prompt, GenerationOptions options) {
        return generate(prompt, options, piece -> {
        });
    }

    /**
     * Continues {@code prompt} and hands out the new text as it comes.
     *
     * @param onText receives pieces of whole characters and nothing of a stop string; an exception of it ends the generation
     */
    public Generation generate(String prompt, GenerationOptions options, Consumer<String> onText) {
        return generate(promptTokens(prompt), options, onText);
    }

    /** Continues a prompt that is already split into tokens. */
    public Generation generate(int[] prompt, GenerationOptions options, Consumer<String> onText) {
        if (prompt.length == 0) {
            throw new IllegalArgumentException("prompt is empty, and no token of this model begins a text: give it at least one token");
        }
        if (prompt.length > session.context()) {
            throw new IllegalArgumentException("prompt has " + prompt.length + " tokens, the context holds " + session.context()
                    + ": shorten it or make a generator with a longer context");
        }
        session.truncate(0);
        return new Run(options, onText).finish(prompt);
    }

    /** Frees the session. */
    @Override
    public void close() {
        session.close();
    }

    private int[] promptTokens(String prompt) {
        int[] tokens = tokenizer.encode(prompt, true, false);
        return tokens.length == 0 && tokenizer.bos() != Markers.NONE ? new int[]{tokenizer.bos()} : tokens;
    }

    /** One continuation. */
    private final class Run {

        private final GenerationOptions options;
        private final Consumer<String> onText;
        private final Sampler sampler;
        private final StreamingDecoder decoder = tokenizer.decoder();
        private final StopMatcher stops;
        private final StringBuilder text = new StringBuilder();
        private int[] tokens = new int[16];
        private int count;

        Run(GenerationOptions options, Consumer<String> onText) {
            this.options = options;
            this.onText = onText;
            this.sampler = new Sampler(options.sampling(), model.config().vocab());
            this.stops = new StopMatcher(options.stops());
        }

        Generation finish(int[] prompt) {
            for (int token : prompt) {
                decoder.accept(token); // the first new token may complete a character of the prompt
            }
            long start = System.nanoTime();
            MemorySegment logits = session.prefill(prompt);
            int token = sampler.next(logits);
            long prefilled = System.nanoTime();
            int steps = 0;
            Generation.End end;
            while ((end = take(token)) == null) {
                token = sampler.next(session.next(token));
                steps++;
            }
            show(stops.append(decoder.finish()));
            show(stops.finish());
            return new Generation(text.toString(), Arrays.copyOf(tokens, count), end, prompt.length, prefilled - start,
                    System.nanoTime() - prefilled,
                    steps);
        }

        /** Adds a token to the text; says why no other may follow, or null if one may. */
        private Generation.@Nullable End take(int token) {
            if (!options.ignoreEndOfText() && (token == tokenizer.eos() || token == tokenizer.bos())) {
                return Generation.End.END_OF_TEXT;
            }
            if (count == tokens.length) {
                tokens = Arrays.copyOf(tokens, 2 * count);
            }
            tokens[count++] = token;
            show(stops.append(decoder.accept(token)));
            if (stops.stopped()) {
                return Generation.End.STOP_STRING;
            }
            if (count == options.maxTokens()) {
                return Generation.End.MAX_TOKENS;
            }
            return session.position() == session.context() ? Generation.End.CONTEXT_FULL : null;
        }

        private void show(String piece) {
            if (!piece.isEmpty()) {
                text.append(piece);
                onText.accept(piece);
            }
        }
    }
}
