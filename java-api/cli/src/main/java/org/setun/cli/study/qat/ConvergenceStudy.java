package org.setun.cli.study.qat;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.setun.formats.Sha256;
import org.setun.kernels.Backend;
import org.setun.training.StopFlag;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.TrainingListener;

/**
 * How surely ternary models converge: four shapes of decoders, five estimators, some seeds. A run has converged if its held-out loss is at most
 * {@value #WORST_RATIO} times that of the twin of full precision with the same shape, seed, windows and number of tokens.
 */
public final class ConvergenceStudy {

    /** Of the losses in nats per token. */
    static final double WORST_RATIO = 1.15;

    private static final double RATE = 4e-3;
    private static final String TWIN = "fp32";

    private static final List<String> COMMON = List.of("data.held_out=0.05", "tokenizer.vocab_size=512", "model.context=64",
            "training.batch_size=16", "training.eval_every=0", "training.eval_steps=1", "training.log_every=20", "schedule.kind=cosine",
            "schedule.min_learning_rate=0", "schedule.warmup_steps=10", "checkpoint.save_every=0");

    /** The shapes. */
    enum Architecture {
        /** Llama's: SwiGLU, a head of its own. */
        LLAMA("model.dim=64", "model.layers=2", "model.heads=4", "model.kv_heads=4", "model.ffn=176", "model.sub_norms=false",
                "model.activation=silu", "model.tied_head=false"),
        /** BitNet b1.58 2B4T's: squared ReLU, norms before the projections, shared keys. */
        BITNET("model.dim=64", "model.layers=2", "model.heads=4", "model.kv_heads=2", "model.ffn=160", "model.sub_norms=true",
                "model.activation=relu2", "model.tied_head=true"),
        /** Narrow and deep. */
        DEEP("model.dim=48", "model.layers=6", "model.heads=3", "model.kv_heads=3", "model.ffn=128", "model.sub_norms=true",
                "model.activation=silu", "model.tied_head=true"),
        /** One wide block with one key for all heads. */
        WIDE("model.dim=128", "model.layers=1", "model.heads=4", "model.kv_heads=1", "model.ffn=352", "model.sub_norms=false",
                "model.activation=silu", "model.tied_head=true");

        private final List<String> keys;

        Architecture(String... keys) {
            this.keys = List.of(keys);
        }

        String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * One ternary run beside its twin.
     *
     * @param loss  nats per token on the whole held-out text
     * @param twin  of the twin
     * @param ratio of the two; NaN if either failed
     * @param note  why a run failed, empty otherwise
     */
    public record Row(String architecture, String estimator, long seed, double loss, double twin, double ratio, String note) {

        /** Whether it has converged. */
        @JsonProperty
        public boolean converged() {
            return ratio <= WORST_RATIO;
        }
    }

    /** All rows, and the share that converged. */
    public record Report(long tokens, List<Row> rows, Interval converged) {

        /** A table of shapes and estimators, the share with Wilson's interval, and the failures. */
        public String markdown() {
            StringBuilder text = new StringBuilder(String.format(Locale.ROOT,
                    "%n%,d tokens per run; converged of all seeds, and the mean ratio of the losses to the twin's%n%n| |", tokens));
            List<String> estimators = rows.stream().map(Row::estimator).distinct().toList();
            estimators.forEach(estimator -> text.append(' ').append(estimator).append(" |"));
            text.append("\n|---|").append("---:|".repeat(estimators.size())).append('\n');
            for (String architecture : rows.stream().map(Row::architecture).distinct().toList()) {
                text.append("| ").append(architecture).append(" |");
                for (String estimator : estimators) {
                    List<Row> cell = rows.stream().filter(r -> r.architecture.equals(architecture) && r.estimator.equals(estimator))
                            .toList();
                    text.append(String.format(Locale.ROOT, " %d/%d, %.3f |", cell.stream().filter(Row::converged).count(), cell.size(),
                            cell.stream().mapToDouble(Row::ratio).average().orElse(Double.NaN)));
                }
                text.append('\n');
            }
            text.append(String.format(Locale.ROOT, "%nconverged: %d of %d, %.1f %% [%.1f, %.1f] (ratio at most %.2f)%n",
                    rows.stream().filter(Row::converged).count(), rows.size(), 100 * converged.estimate(), 100 * converged.low(),
                    100 * converged.high(), WORST_RATIO));
            rows.stream().filter(row -> !row.converged()).forEach(row -> text.append(String.format(Locale.ROOT,
                    "not converged: %s, %s, seed %d: ratio %.3f%s%n", row.architecture, row.estimator, row.seed, row.ratio,
                    row.note.isEmpty() ? "" : ", " + row.note)));
            return text.toString();
        }
    }

    private final LanguageRunner runner;
    private final long tokens;

    private ConvergenceStudy(LanguageRunner runner, long tokens) {
        this.runner = runner;
        this.tokens = tokens;
    }

    /**
     * Runs what has not been run yet.
     *
     * @param text      its last twentieth is held out
     * @param folder    for results
     * @param tokens    that each model sees
     * @param overrides configuration keys for all runs
     * @param say       told of each run
     * @throws StudyStoppedException if {@code stop} was raised; the same call goes on later
     */
    public static Report run(Path text, Path folder, long tokens, int seeds, List<String> overrides, Backend backend, StopFlag stop,
            Consumer<String> say, TrainingListener progress) throws IOException {
        if (tokens < 1 || seeds < 1) {
            throw new IllegalArgumentException("--tokens " + tokens + " and --seeds " + seeds + " must be at least 1");
        }
        Map<String, String> fixed = new TreeMap<>(Map.of("text_sha256", Sha256.of(text), "tokens", Long.toString(tokens), "set",
                String.join(" ", overrides)));
        List<String> keys = new ArrayList<>(COMMON);
        keys.add("data.paths=[" + ConfigWriter.quoted(text) + "]");
        keys.addAll(overrides);
        TrainingConfig base = ConfigReader.override(TrainingConfig.defaults(), keys);
        LanguageRunner runner = new LanguageRunner(ResultFolder.open(folder, fixed, LanguageRun.class), base, backend, stop, say, progress);
        return new ConvergenceStudy(runner, tokens).run(seeds);
    }

    private Report run(int seeds) throws IOException {
        List<Row> rows = new ArrayList<>();
        for (Architecture architecture : Architecture.values()) {
            for (long seed = 1; seed <= seeds; seed++) {
                LanguageRun twin = run(architecture, TWIN, List.of("quantization.weights=none"), seed);
                for (EstimatorArm estimator : EstimatorArm.matrix()) {
                    LanguageRun run = run(architecture, estimator.label(), estimator.keys(runner.steps(tokens)), seed);
                    String note = Double.isNaN(twin.loss())
                            ? "the twin failed: " + twin.stopReason()
                            : Double.isNaN(run.loss()) ? run.stopReason() : "";
                    rows.add(new Row(architecture.label(), estimator.label(), seed, run.loss(), twin.loss(), run.loss() / twin.loss(),
                            note));
                }
            }
        }
        return report(tokens, rows);
    }

    static Report report(long tokens, List<Row> rows) {
        return new Report(tokens, List.copyOf(rows), Interval.ofShare((int) rows.stream().filter(Row::converged).count(), rows.size()));
    }

    private LanguageRun run(Architecture architecture, String arm, List<String> keys, long seed) throws IOException {
        List<String> all = new ArrayList<>(architecture.keys);
        all.addAll(keys);
        all.add("training.max_steps=" + runner.steps(tokens));
        LanguageRun.Plan plan = new LanguageRun.Plan(architecture.label() + "-" + arm, RATE, seed, runner.tokensPerStep(), 0);
        return runner.run(plan.name(), plan, all, false);
    }
}
