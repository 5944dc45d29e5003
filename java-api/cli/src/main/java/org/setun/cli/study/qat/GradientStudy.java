package org.setun.cli.study.qat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.setun.formats.Sha256;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.nn.Decoder;
import org.setun.training.StopFlag;
import org.setun.training.Trainer;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;
import org.setun.training.data.TokenDataset;
import org.setun.training.event.TrainingListener;
import org.setun.training.lm.DecoderFactory;
import org.setun.training.lm.LanguageModelTask;
import org.setun.training.lm.TokenizedCorpus;

/**
 * What estimators make of the gradient. Each trains a ternary model; in every step its gradient is compared with the one that full precision
 * gives for the same latent weights and windows (cosine), and the variance of its norm over the steps with that of a twin of full precision
 * which trains on the same windows (rho). Both are of the weights of all linear layers together.
 */
public final class GradientStudy {

    private static final String TWIN = "fp32";
    private static final List<String> COMMON = List.of("data.held_out=0.05", "tokenizer.vocab_size=512", "model.dim=128", "model.layers=2",
            "model.heads=4", "model.kv_heads=4", "model.ffn=352", "model.context=128", "training.batch_size=8", "training.eval_every=0",
            "training.eval_steps=1", "training.log_every=20", "schedule.learning_rate=0.002", "schedule.warmup_steps=10",
            "checkpoint.folder=", "logging.log_level=warn");

    /** The gradients of one run. */
    public record Run(String estimator, List<Double> norms, List<Double> cosines) {
    }

    /**
     * An estimator over its steps.
     *
     * @param rho            {@code |Var(n) - Var(m)| / Var(m)}, n the norms of its gradients and m those of the twin's
     * @param norm           mean of n over the mean of m
     * @param cosine         mean
     * @param lowest         cosine of the worst step
     * @param fifthPercentile of the cosines
     * @param last           mean cosine of the last tenth of the steps
     */
    public record Row(String estimator, double rho, double norm, double cosine, double lowest, double fifthPercentile, double last) {
    }

    /** All rows. */
    public record Report(long steps, List<Row> rows) {

        /** One row per estimator. */
        public String markdown() {
            StringBuilder text = new StringBuilder(String.format(Locale.ROOT,
                    "%nGradients of ternary linear layers over %,d steps, against full precision%n%n| estimator | rho | norm, to the twin's "
                            + "| cosine, mean | 5th percentile | lowest | last tenth |%n|---|---:|---:|---:|---:|---:|---:|%n",
                    steps));
            rows.forEach(row -> text.append(String.format(Locale.ROOT, "| %s | %.3f | %.3f | %.3f | %.3f | %.3f | %.3f |%n", row.estimator,
                    row.rho, row.norm, row.cosine, row.fifthPercentile, row.lowest, row.last)));
            return text.toString();
        }
    }

    private final TrainingConfig base;
    private final Backend backend;
    private final TokenizedCorpus corpus;
    private final StopFlag stop;
    private final TrainingListener progress;

    private GradientStudy(TrainingConfig base, Backend backend, TokenizedCorpus corpus, StopFlag stop, TrainingListener progress) {
        this.base = base;
        this.backend = backend;
        this.corpus = corpus;
        this.stop = stop;
        this.progress = progress;
    }

    /**
     * Measures what has not been measured yet.
     *
     * @param text      to train on
     * @param folder    for results
     * @param steps     of each run
     * @param overrides configuration keys for all runs
     * @param say       told of each run
     * @throws StudyStoppedException if {@code stop} was raised; a run that was not finished begins anew then
     */
    public static Report run(Path text, Path folder, long steps, List<EstimatorArm> estimators, List<String> overrides, Backend backend,
            StopFlag stop, Consumer<String> say, TrainingListener progress) throws IOException {
        if (steps < 2) {
            throw new IllegalArgumentException("--steps " + steps + " must be at least 2: a variance is asked for");
        }
        Map<String, String> fixed = new TreeMap<>(Map.of("text_sha256", Sha256.of(text), "steps", Long.toString(steps), "set",
                String.join(" ", overrides)));
        ResultFolder<Run> results = ResultFolder.open(folder, fixed, Run.class);
        List<String> keys = new ArrayList<>(COMMON);
        keys.add("data.paths=[" + ConfigWriter.quoted(text) + "]");
        keys.add("training.max_steps=" + steps);
        keys.addAll(overrides);
        TrainingConfig base = ConfigReader.override(TrainingConfig.defaults(), keys);
        try (TokenizedCorpus corpus = TokenizedCorpus.prepare(base, folder.resolve("data"))) {
            GradientStudy study = new GradientStudy(base, backend, corpus, stop, progress);
            Run twin = study.run(results, null, steps, say);
            List<Row> rows = new ArrayList<>();
            for (EstimatorArm estimator : estimators) {
                rows.add(row(study.run(results, estimator, steps, say), twin));
            }
            return new Report(steps, rows);
        }
    }

    private Run run(ResultFolder<Run> results, @Nullable EstimatorArm estimator, long steps, Consumer<String> say) throws IOException {
        String name = estimator == null ? TWIN : estimator.label();
        Optional<Run> known = results.find(name);
        if (known.isPresent()) {
            return known.get();
        }
        say.accept("trains " + name);
        List<String> exact = List.of("quantization.weights=none");
        TrainingConfig config = ConfigReader.override(base, estimator == null ? exact : estimator.keys(steps));
        try (MemoryPool pool = new MemoryPool(backend);
                Workspace workspace = new Workspace(backend);
                Workspace own = new Workspace(backend)) {
            GradientProbe probe = new GradientProbe(task(config, pool), estimator == null
                    ? null
                    : task(ConfigReader.override(base, exact), pool), own);
            Trainer.builder(backend, probe, config).run(name).listener(progress).stopFlag(stop).build(pool, workspace).train();
            String reason = stop.reason();
            if (reason != null) {
                throw new StudyStoppedException(reason);
            }
            return results.keep(name, new Run(name, probe.steps().stream().map(GradientProbe.Step::norm).toList(),
                    probe.steps().stream().map(GradientProbe.Step::cosine).toList()));
        }
    }

    private LanguageModelTask task(TrainingConfig config, MemoryPool pool) {
        Decoder decoder = DecoderFactory.decoder(config, corpus.tokenizer().vocabSize(), pool, config.training().seed());
        TokenDataset training = new TokenDataset(corpus.training(), config.model().context(), config.training().seed());
        TokenDataset heldOut = new TokenDataset(corpus.heldOut(), (int) Math.min(config.model().context(),
                Math.max(1, corpus.heldOut().count() - 1)), 0);
        return new LanguageModelTask(decoder, training, heldOut, corpus.tokenizer(), config.training().batchSize());
    }

    static Row row(Run run, Run twin) {
        double variance = variance(twin.norms);
        double[] cosines = run.cosines.stream().mapToDouble(Double::doubleValue).toArray();
        double[] sorted = cosines.clone();
        Arrays.sort(sorted);
        return new Row(run.estimator, Math.abs(variance(run.norms) - variance) / variance, mean(run.norms) / mean(twin.norms),
                mean(run.cosines), sorted[0], sorted[sorted.length / 20],
                mean(run.cosines.subList(cosines.length - Math.max(1, cosines.length / 10), cosines.length)));
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
    }

    private static double variance(List<Double> values) {
        double mean = mean(values);
        return values.stream().mapToDouble(v -> (v - mean) * (v - mean)).sum() / (values.size() - 1);
    }
}
