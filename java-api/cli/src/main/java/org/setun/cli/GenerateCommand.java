package org.setun.cli;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.setun.inference.Generation;
import org.setun.inference.GenerationOptions;
import org.setun.inference.Generator;
import org.setun.inference.InferenceModel;
import org.setun.inference.Sampling;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code setun generate MODEL}: continues a text with a model, and streams it as it comes. */
@Command(name = "generate", mixinStandardHelpOptions = true, description = "Continues a text with a model.")
final class GenerateCommand implements Callable<Integer> {

    @Mixin
    ModelOptions source = new ModelOptions();

    @Option(names = {"-p", "--prompt"}, description = "The text to continue (default: begin a new one).")
    String prompt = "";

    @Option(names = {"-n", "--tokens"}, description = "Most tokens to add (default: ${DEFAULT-VALUE}).", defaultValue = "128")
    int tokens;

    @Option(names = "--temperature", description = "0 is greedy (default: ${DEFAULT-VALUE}).", defaultValue = "0")
    float temperature;

    @Option(names = "--top-k", description = "Sample from the k most probable tokens; 0: from all (default: ${DEFAULT-VALUE}).", defaultValue = "0")
    int topK;

    @Option(names = "--top-p", description = "Sample from the smallest set of tokens with this probability (default: ${DEFAULT-VALUE}).", defaultValue = "1")
    float topP;

    @Option(names = "--seed", description = "Seed of sampling (default: ${DEFAULT-VALUE}).", defaultValue = "0")
    long seed;

    @Option(names = "--stop", paramLabel = "TEXT", description = "End at this text; may be given several times.")
    List<String> stops = List.of();

    @Option(names = "--context", paramLabel = "TOKENS", description = "Most tokens of prompt and continuation (default: the model's).")
    @Nullable
    Integer context;

    @Option(names = "--json", description = "Print one JSON object instead of streaming text.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        if (tokens < 1) {
            throw new IllegalArgumentException("-n " + tokens + " must be at least 1");
        }
        if (topK < 0) {
            throw new IllegalArgumentException("--top-k " + topK + " must be at least 0 (0 = all tokens)");
        }
        if (!(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException("--top-p " + topP + " must be in (0, 1]");
        }
        if (!(temperature >= 0 && Float.isFinite(temperature))) {
            throw new IllegalArgumentException("--temperature " + temperature + " must be finite and at least 0");
        }
        GenerationOptions options = GenerationOptions.greedy(tokens).withSampling(new Sampling(temperature, topK, topP, seed))
                .withStops(stops.toArray(String[]::new));
        try (Backend backend = Backends.open();
                InferenceModel model = source.open(backend);
                Generator generator = new Generator(model, context == null ? model.defaultContext() : context)) {
            if (!json) {
                System.out.print(prompt);
            }
            Generation generation = generator.generate(prompt, options, piece -> {
                if (!json) {
                    System.out.print(piece);
                    System.out.flush();
                }
            });
            report(generation);
        }
        return 0;
    }

    private void report(Generation generation) {
        if (json) {
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("prompt", prompt);
            result.put("text", generation.text());
            result.put("tokens", generation.tokens());
            result.put("end", generation.end());
            result.put("prefill_tokens_s", generation.prefillRate());
            result.put("decode_tokens_s", generation.decodeRate());
            System.out.println(Json.line(result));
        } else {
            System.out.println();
            System.err.printf(Locale.ROOT, "%d tokens, %.0f tokens/s (prompt: %d tokens, %.0f tokens/s), ended by %s%n",
                    generation.tokens().length,
                    generation.decodeRate(), generation.promptTokens(), generation.prefillRate(),
                    generation.end().name().toLowerCase(Locale.ROOT).replace('_', ' '));
        }
    }
}
