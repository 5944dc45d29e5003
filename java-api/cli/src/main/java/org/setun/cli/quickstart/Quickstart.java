package org.setun.cli.quickstart;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.setun.cli.plot.ChartFile;
import org.setun.cli.plot.Curve;
import org.setun.eval.Perplexity;
import org.setun.eval.TextScore;
import org.setun.inference.Activations;
import org.setun.inference.Generation;
import org.setun.inference.GenerationOptions;
import org.setun.inference.Generator;
import org.setun.inference.InferenceModel;
import org.setun.inference.Sampling;
import org.setun.kernels.Backend;
import org.setun.nn.Decoder;
import org.setun.quant.export.ExportOptions;
import org.setun.quant.export.GgufExporter;
import org.setun.quant.export.MatrixType;
import org.setun.training.StopFlag;
import org.setun.training.TrainingResult;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.event.TrainingListener;
import org.setun.training.lm.LanguageModelTraining;
import org.setun.training.metric.ByteNgram;

/**
 * Trains a ternary model and its full-precision twin on the same batches, exports both as GGUF, and runs the files. The number of steps is
 * fixed by a short warm-up so that the whole keeps within the given time.
 */
public final class Quickstart {

    /** Time kept for what follows training: evaluation of the whole held-out text, export, and running the files. */
    private static final double SECONDS_AFTER_TRAINING = 45;
    private static final int WARM_UP_STEPS = 5;
    private static final long SCORED_TOKENS = 8192;
    private static final long FEWEST_STEPS = 20;

    /**
     * One model, as its exported file runs.
     *
     * @param bitsPerByte   on the whole held-out text, by the training graph
     * @param filePerplexity per token on the first held-out tokens, by the exported file
     */
    public record ModelReport(String name, Path file, long fileBytes, double bitsPerByte, double perplexity, double filePerplexity,
            double fileBitsPerByte, double decodeTokensPerSecond, double trainingSeconds, String completion, Curve heldOut) {
    }

    /** All that the quickstart found. */
    public record Report(String corpus, long trainingBytes, long heldOutBytes, long steps, long tokensSeen, int ngramOrder,
            double ngramBitsPerByte, ModelReport ternary, ModelReport twin, Path svg, Path png, double seconds) {

        /** How much worse the ternary model is, in percent of the twin's bits per byte. */
        public double gapPercent() {
            return 100 * (ternary.bitsPerByte() / twin.bitsPerByte() - 1);
        }
    }

    private final Backend backend;
    private final Path folder;
    private final double seconds;
    private final String prompt;
    private final Consumer<String> say;
    private final TrainingListener progress;
    private final StopFlag stop;
    private final long started = System.nanoTime();

    /**
     * @param folder   for checkpoints, models and charts
     * @param seconds  time for all of it
     * @param prompt   what the models complete at the end
     * @param say      told what happens, a line at a time
     * @param progress told of the training events
     */
    public Quickstart(Backend backend, Path folder, double seconds, String prompt, Consumer<String> say, TrainingListener progress,
            StopFlag stop) {
        this.backend = backend;
        this.folder = folder;
        this.seconds = seconds;
        this.prompt = prompt;
        this.say = say;
        this.progress = progress;
        this.stop = stop;
    }

    /** Runs it all; null if it was stopped. */
    public Report run(QuickstartData data, long seed, List<String> overrides) throws IOException {
        Files.createDirectories(folder);
        TrainingConfig config = QuickstartConfig.of(data, folder.resolve(QuickstartFolder.RUNS), seed, overrides);
        say.accept("corpus: " + data.what());
        try (LanguageModelTraining training = LanguageModelTraining.open(config, backend).stopFlag(stop).listener(progress)) {
            long trainingBytes = training.corpus().corpus().trainingBytes();
            say.accept(String.format(Locale.ROOT, "%,d bytes to learn from, %,d held out (whole files); vocabulary of %,d tokens",
                    trainingBytes,
                    training.corpus().corpus().heldOutBytes(), training.tokenizer().vocabSize()));
            double ngram = training.ngramBitsPerByte(ByteNgram.DEFAULT_ORDER);
            say.accept(String.format(Locale.ROOT, "order-%d byte n-gram on the same bytes: %.3f bits per byte held out",
                    ByteNgram.DEFAULT_ORDER, ngram));
            long steps = steps(training);
            long tokens = steps * config.training().batchSize() * config.model().context();
            say.accept(String.format(Locale.ROOT,
                    "training both models for %,d steps (%,d tokens), same batches; steps are fitted to the time, "
                            + "fewer on a busy machine: --minutes 10 trains longer",
                    steps, tokens));
            training.override(QuickstartConfig.length(steps));
            LanguageModelTraining.Outcome ternary = training.train(WeightQuantizer.TERNARY, LanguageModelTraining.Resume.NEW);
            requireNotStopped();
            LanguageModelTraining.Outcome twin = training.train(WeightQuantizer.NONE, LanguageModelTraining.Resume.NEW);
            requireNotStopped();
            String heldOut = heldOutText(training);
            ModelReport ternaryReport = report(training, QuickstartFolder.TERNARY, ternary, MatrixType.TQ2_0, heldOut);
            ModelReport twinReport = report(training, QuickstartFolder.TWIN, twin, MatrixType.F32, heldOut);
            Path svg = folder.resolve(QuickstartFolder.SVG);
            Path png = folder.resolve(QuickstartFolder.PNG);
            List<Curve> curves = List.of(ternaryReport.heldOut(), twinReport.heldOut(), level("order-5 n-gram", ngram, steps));
            for (Path chart : List.of(svg, png)) {
                ChartFile.write(chart, "Held-out bits per byte", "step", "bits per byte", curves);
            }
            return new Report(data.what(), trainingBytes, training.corpus().corpus().heldOutBytes(), steps, tokens, ByteNgram.DEFAULT_ORDER,
                    ngram,
                    ternaryReport, twinReport, svg, png, elapsed());
        }
    }

    private long steps(LanguageModelTraining training) throws IOException {
        double both = training.secondsPerStep(WeightQuantizer.TERNARY, WARM_UP_STEPS)
                + training.secondsPerStep(WeightQuantizer.NONE, WARM_UP_STEPS);
        double left = seconds - elapsed() - SECONDS_AFTER_TRAINING;
        // a tenth of the time goes to the evaluations along the way
        return Math.max(FEWEST_STEPS, (long) (0.9 * left / both));
    }

    private ModelReport report(LanguageModelTraining training, String name, LanguageModelTraining.Outcome outcome, MatrixType type,
            String heldOut)
            throws IOException {
        Decoder model = outcome.model();
        Path file = folder.resolve(QuickstartFolder.modelFile(name));
        GgufExporter.export(backend, model, training.tokenizer(), ExportOptions.of("setun quickstart, " + name, type), file);
        try (InferenceModel loaded = InferenceModel.open(file, backend, Activations.INT8); Generator generator = new Generator(loaded)) {
            Generation completion = generator.generate(prompt,
                    GenerationOptions.greedy(96).withSampling(Sampling.temperature(0.5f, 1).withTopK(20)));
            Perplexity.Options options = Perplexity.Options.window(model.config().context()).withMaxTokens(SCORED_TOKENS);
            TextScore score = new Perplexity(loaded, backend).measure(heldOut, options);
            return new ModelReport(name, file, Files.size(file), outcome.bitsPerByte(), outcome.perplexity(), score.perplexity(),
                    score.bitsPerByte(),
                    completion.decodeRate(), outcome.result().seconds(), completion.text(), curve(name, outcome.result()));
        }
    }

    private static String heldOutText(LanguageModelTraining training) throws IOException {
        StringBuilder text = new StringBuilder();
        training.corpus().corpus().read(training.corpus().corpus().heldOut(), (piece, end) -> text.append(piece));
        return text.toString();
    }

    private static Curve curve(String name, TrainingResult result) {
        return new Curve(name, result.evaluations().stream().mapToDouble(TrainingResult.Point::step).toArray(),
                result.evaluations().stream().mapToDouble(TrainingResult.Point::value).toArray());
    }

    private static Curve level(String name, double value, long steps) {
        return new Curve(name, new double[]{0, steps}, new double[]{value, value});
    }

    /** The curves of a report, for plotting elsewhere. */
    public static List<Curve> curves(Report report) {
        List<Curve> curves = new ArrayList<>(List.of(report.ternary().heldOut(), report.twin().heldOut()));
        curves.add(level("order-" + report.ngramOrder() + " n-gram", report.ngramBitsPerByte(), report.steps()));
        return curves;
    }

    private void requireNotStopped() {
        String reason = stop.reason();
        if (reason != null) {
            throw new StoppedException(reason);
        }
    }

    private double elapsed() {
        return (System.nanoTime() - started) / 1e9;
    }

    /** The quickstart was asked to stop; checkpoints are in its folder. */
    public static final class StoppedException extends RuntimeException {
        private static final long serialVersionUID = 1;

        StoppedException(String reason) {
            super(reason);
        }
    }
}
