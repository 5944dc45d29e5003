package org.setun.cli.study.qat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.setun.formats.Sha256;
import org.setun.kernels.Backend;
import org.setun.training.StopFlag;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.TrainingListener;

/**
 * Quantized language models beside their twin of full precision: the same shape, first weights, windows and number of tokens. Each arm has the
 * best of the same learning rates, chosen by the held-out loss on the first seed; of each run the evaluation with the lowest loss counts. Gaps
 * are paired by seed.
 */
public final class TwinStudy {

    /** The seed on which rates are chosen, and the first of those that are compared. */
    public static final long FIRST_SEED = 1;

    private static final int EVALUATIONS = 10;
    private static final int WARM_UP_SHARE = 20;
    /** 3.4 million weights in matrices between layers. */
    private static final List<String> COMMON = List.of("tokenizer.vocab_size=4096", "model.dim=256", "model.layers=4", "model.heads=4",
            "model.kv_heads=4", "model.ffn=768", "model.context=256", "training.batch_size=8", "training.eval_steps=32",
            "training.log_every=5", "schedule.kind=cosine", "schedule.min_learning_rate=0", "optimizer.weight_decay=0.1",
            "checkpoint.save_total_limit=0");

    /**
     * What is compared.
     *
     * @param train      text to train on
     * @param heldOut    text to judge by
     * @param folder     for results and checkpoints
     * @param tokens     that each model sees
     * @param rateTokens that it sees in the runs which choose the rate
     * @param rates      to choose from
     * @param seeds      how many, from {@link #FIRST_SEED} on
     * @param arms       beside that of full precision
     * @param overrides  configuration keys for all runs
     */
    public record Settings(Path train, Path heldOut, Path folder, long tokens, long rateTokens, List<Double> rates, int seeds,
            List<TwinArm> arms, List<String> overrides) {

        public Settings {
            if (tokens < 1 || rateTokens < 1 || seeds < 1 || rates.isEmpty() || rates.stream().anyMatch(rate -> !(rate > 0))) {
                throw new IllegalArgumentException("--tokens " + tokens + ", --rate-tokens " + rateTokens + ", --seeds " + seeds
                        + ", --rates " + rates + ": must all be above 0");
            }
            rates = List.copyOf(rates);
            arms = List.copyOf(arms);
            overrides = List.copyOf(overrides);
        }

        /** What must be equal for results to compare. */
        Map<String, String> fixed() throws IOException {
            Map<String, String> fixed = new TreeMap<>();
            fixed.put("train_sha256", Sha256.of(train));
            fixed.put("held_out_sha256", Sha256.of(heldOut));
            fixed.put("tokens", Long.toString(tokens));
            fixed.put("rate_tokens", Long.toString(rateTokens));
            fixed.put("rates", rates.stream().map(LanguageRun.Plan::number).collect(Collectors.joining(" ")));
            fixed.put("set", String.join(" ", overrides));
            return fixed;
        }
    }

    private final Settings settings;
    private final LanguageRunner runner;
    private final Map<TwinArm, Double> chosen = new EnumMap<>(TwinArm.class);
    private final List<LanguageRun> rateRuns = new ArrayList<>();

    private TwinStudy(Settings settings, LanguageRunner runner) {
        this.settings = settings;
        this.runner = runner;
    }

    /**
     * Runs what has not been run yet.
     *
     * @param say      told of each run
     * @param progress told of the events of all runs
     * @throws StudyStoppedException if {@code stop} was raised; the same call goes on later
     */
    public static TwinReport run(Settings settings, Backend backend, StopFlag stop, Consumer<String> say, TrainingListener progress)
            throws IOException {
        ResultFolder<LanguageRun> results = ResultFolder.open(settings.folder, settings.fixed(), LanguageRun.class);
        LanguageRunner runner = new LanguageRunner(results, base(settings), backend, stop, say, progress);
        return new TwinStudy(settings, runner).run();
    }

    private static TrainingConfig base(Settings settings) {
        List<String> keys = new ArrayList<>(COMMON);
        keys.add("data.paths=[" + ConfigWriter.quoted(settings.train) + "]");
        keys.add("data.held_out_paths=[" + ConfigWriter.quoted(settings.heldOut) + "]");
        keys.addAll(settings.overrides);
        return ConfigReader.override(TrainingConfig.defaults(), keys);
    }

    private TwinReport run() throws IOException {
        List<LanguageRun> runs = new ArrayList<>();
        List<TwinArm> arms = new ArrayList<>(List.of(TwinArm.FP32));
        settings.arms.stream().filter(arm -> arm != TwinArm.FP32).distinct().sorted().forEach(arms::add);
        for (long seed = FIRST_SEED; seed < FIRST_SEED + settings.seeds; seed++) {
            for (TwinArm arm : arms) {
                Optional<Double> rate = rate(arm);
                if (rate.isPresent()) {
                    runs.add(run(arm, rate.get(), seed, settings.tokens));
                }
            }
        }
        return new TwinReport(settings.tokens, settings.rateTokens, rateRuns, runs);
    }

    /** The best rate on the first seed; empty if no run gave a number. */
    private Optional<Double> rate(TwinArm arm) throws IOException {
        if (!chosen.containsKey(arm)) {
            double best = Double.POSITIVE_INFINITY;
            for (double rate : settings.rates) {
                LanguageRun run = run(arm, rate, FIRST_SEED, settings.rateTokens);
                rateRuns.add(run);
                if (run.loss() < best) {
                    best = run.loss();
                    chosen.put(arm, rate);
                }
            }
        }
        return Optional.ofNullable(chosen.get(arm));
    }

    private LanguageRun run(TwinArm arm, double rate, long seed, long tokens) throws IOException {
        long steps = runner.steps(tokens);
        LanguageRun.Plan plan = new LanguageRun.Plan(arm.label(), rate, seed, runner.tokensPerStep(), arm.quantizedFrom(steps));
        List<String> keys = new ArrayList<>(arm.keys(steps));
        keys.add("training.max_steps=" + steps);
        keys.add("training.eval_every=" + Math.max(1, steps / EVALUATIONS));
        keys.add("schedule.warmup_steps=" + steps / WARM_UP_SHARE);
        keys.add("checkpoint.save_every=" + Math.max(1, steps / EVALUATIONS)); // each evaluation has its checkpoint
        if (arm.hasTeacher()) {
            keys.add("distillation.teacher=" + ConfigWriter.quoted(teacher(seed)));
        }
        return runner.run(name(plan, steps), plan, keys, arm == TwinArm.FP32);
    }

    /** The best checkpoint of the twin of full precision with the same seed. */
    private Path teacher(long seed) throws IOException {
        double rate = rate(TwinArm.FP32).orElseThrow(() -> new IllegalArgumentException("no twin of full precision to learn from: "
                + "all of its runs failed"));
        LanguageRun run = run(TwinArm.FP32, rate, seed, settings.tokens);
        long steps = runner.steps(settings.tokens);
        return runner.checkpoint(name(new LanguageRun.Plan(run.arm(), rate, seed, runner.tokensPerStep(), 0), steps), run.bestStep());
    }

    private static String name(LanguageRun.Plan plan, long steps) {
        return plan.name() + "-steps" + steps;
    }
}
