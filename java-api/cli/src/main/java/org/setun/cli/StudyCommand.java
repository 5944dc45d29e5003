package org.setun.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.setun.cli.study.PiReport;
import org.setun.cli.study.StudyOptions;
import org.setun.formats.AtomicFile;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code setun study}: what grids made with pi are worth, and what training with quantized weights reaches. */
@Command(name = "study", mixinStandardHelpOptions = true, description = "Studies that compare "
        + "ways to quantize on equal terms.", subcommands = {StudyCommand.Pi.class, QatStudyCommand.class})
final class StudyCommand implements Callable<Integer> {

    @Spec
    @Nullable
    CommandSpec spec;

    @Override
    public Integer call() {
        throw new ParameterException(Objects.requireNonNull(spec).commandLine(), "name a study: pi or qat");
    }

    /** The study of docs/pi-quant.md. */
    @Command(name = "pi", mixinStandardHelpOptions = true, description = {
            "Compares uniform, pi, pi-tan and Lloyd-Max grids of 2 and 3 bits with the same search for a step,",
            "on known distributions and on the models given: error of weights and outputs, KL, perplexity with intervals."})
    static final class Pi implements Callable<Integer> {

        @ArgGroup(exclusive = false, multiplicity = "0..*")
        List<StudyOptions.Language> models = new ArrayList<>();

        @ArgGroup(exclusive = false, multiplicity = "0..*")
        List<StudyOptions.Classifier> classifiers = new ArrayList<>();

        @Option(names = "--also", paramLabel = "FORMAT", description = "Another format for the models' tables, such as q3_k. May be "
                + "repeated.")
        List<String> others = new ArrayList<>();

        @Option(names = "--seeds", paramLabel = "N", description = "Samples of each distribution "
                + "(default: ${DEFAULT-VALUE}).", defaultValue = "5")
        int seeds;

        @Option(names = "--samples", paramLabel = "N", description = "Values of each (default: ${DEFAULT-VALUE}).", defaultValue = "262144")
        int samples;

        @Option(names = "--max-tokens", paramLabel = "N", description = "Most tokens of each text "
                + "(default: ${DEFAULT-VALUE}).", defaultValue = "20000")
        int maxTokens;

        @Option(names = "--window", paramLabel = "N", description = "Tokens seen together, at most the model's context (default: "
                + "${DEFAULT-VALUE}).", defaultValue = "256")
        int window;

        @Option(names = "--markdown", paramLabel = "FILE", description = "Also write the tables to FILE.")
        @Nullable
        Path markdown;

        @Option(names = "--json", description = "Print one JSON object instead of tables.")
        boolean json;

        @Override
        public Integer call() throws IOException {
            for (StudyOptions.Language model : models) {
                model.check();
            }
            classifiers.forEach(StudyOptions.Classifier::check);
            if (seeds < 1 || samples < 256 || maxTokens < 2 || window < 2) {
                throw new IllegalArgumentException(
                        "--seeds " + seeds + ", --samples " + samples + ", --max-tokens " + maxTokens + ", --window " + window
                                + ": at least 1, 256, 2 and 2");
            }
            try (Backend backend = Backends.open(); ProgressLine progress = new ProgressLine("study", "arms", -1)) {
                long[] done = {0};
                PiReport report = PiReport.run(models, classifiers, others, samples, seeds, maxTokens, window, backend,
                        step -> progress.at(++done[0], step));
                progress.close();
                if (markdown != null) {
                    AtomicFile.write(markdown, report.markdown().getBytes(StandardCharsets.UTF_8));
                }
                System.out.print(json ? Json.line(report) + "\n" : report.markdown());
            }
            return 0;
        }
    }
}
