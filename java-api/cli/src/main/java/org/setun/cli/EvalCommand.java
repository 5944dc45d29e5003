package org.setun.cli;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.setun.eval.Perplexity;
import org.setun.eval.TextScore;
import org.setun.inference.InferenceModel;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.quant.calibration.SampleReader;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code setun eval MODEL TEXT}: perplexity, bits per byte and next-token accuracy of a model on a text. */
@Command(name = "eval", mixinStandardHelpOptions = true, description = "Measures perplexity, bits per byte and next-token accuracy on a text.")
final class EvalCommand implements Callable<Integer> {

    @Mixin
    ModelOptions source = new ModelOptions();

    @Parameters(index = "1", paramLabel = "TEXT", description = "A UTF-8 text file, plain or packed as .xz or .gz.")
    Path text = Path.of("");

    @Option(names = "--window", paramLabel = "TOKENS", description = "Tokens seen together (default: the model's context, at most 2048).")
    @Nullable
    Integer window;

    @Option(names = "--stride", paramLabel = "TOKENS", description = "Tokens from one window to the next (default: the window).")
    @Nullable
    Integer stride;

    @Option(names = "--max-tokens", paramLabel = "TOKENS", description = "Use only the first tokens of the text; 0: all (default: ${DEFAULT-VALUE}).", defaultValue = "0")
    long maxTokens;

    @Option(names = "--json", description = "Print one JSON object.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        requireOptions();
        String content = content();
        try (Backend backend = Backends.open(); InferenceModel model = source.open(backend)) {
            int tokens = window == null ? Math.min(2048, model.defaultContext()) : window;
            Perplexity.Options options = new Perplexity.Options(tokens, stride == null ? tokens : stride, maxTokens);
            TextScore score;
            try (ProgressLine progress = new ProgressLine("eval", "tokens", -1)) {
                score = new Perplexity(model, backend).measure(content, options, done -> progress.at(done, ""));
            }
            print(score);
        }
        return 0;
    }

    private void requireOptions() {
        if (window != null && window < 2) {
            throw new IllegalArgumentException("--window " + window + " must be at least 2");
        }
        if (stride != null && (stride < 1 || window != null && stride > window)) {
            throw new IllegalArgumentException("--stride " + stride + " must be at least 1 and at most the window");
        }
        if (maxTokens < 0) {
            throw new IllegalArgumentException("--max-tokens " + maxTokens + " must be at least 0 (0 = all)");
        }
    }

    private String content() throws IOException {
        InputFiles.requireFile(text, "a text file");
        try {
            return SampleReader.text(text);
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException(text + " is not UTF-8", e);
        }
    }

    private void print(TextScore score) {
        if (json) {
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("tokens", score.tokens());
            result.put("perplexity", score.perplexity());
            result.put("bits_per_byte", score.bitsPerByte());
            result.put("accuracy", score.accuracy());
            result.put("tokens_s", score.tokensPerSecond());
            System.out.println(Json.line(result));
        } else {
            System.out.printf(Locale.ROOT,
                    "perplexity %.4f   bits per byte %.4f   next-token accuracy %.2f %%   (%,d tokens, %,.0f tokens/s)%n",
                    score.perplexity(), score.bitsPerByte(), 100 * score.accuracy(), score.tokens(), score.tokensPerSecond());
        }
    }
}
