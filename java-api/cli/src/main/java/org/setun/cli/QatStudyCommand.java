package org.setun.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.setun.cli.study.qat.ConvergenceStudy;
import org.setun.cli.study.qat.EstimatorArm;
import org.setun.cli.study.qat.GradientStudy;
import org.setun.cli.study.qat.MnistStudy;
import org.setun.cli.study.qat.StudyStoppedException;
import org.setun.cli.study.qat.TwinArm;
import org.setun.cli.study.qat.TwinReport;
import org.setun.cli.study.qat.TwinStudy;
import org.setun.formats.AtomicFile;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.training.StopFlag;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code setun study qat}: what training with quantized weights reaches beside full precision. */
@Command(name = "qat", mixinStandardHelpOptions = true, description = {
        "Trains quantized models beside their twins of full precision and compares them.",
        "Each study goes on where it stopped when it is started again with the same --out."}, subcommands = {QatStudyCommand.Twins.class,
                QatStudyCommand.Mnist.class,
                QatStudyCommand.Convergence.class, QatStudyCommand.Gradients.class})
final class QatStudyCommand implements Callable<Integer> {

    private static final int INTERRUPTED = 130;

    @Spec
    @Nullable
    CommandSpec spec;

    @Override
    public Integer call() {
        throw new ParameterException(Objects.requireNonNull(spec).commandLine(), "name a study: twins, mnist, convergence or gradients");
    }

    /** Options of all studies. */
    static final class Output {

        @Option(names = "--out", required = true, paramLabel = "DIR", description = "Folder for results and checkpoints; a study that was "
                + "interrupted goes on from there.")
        Path folder = Path.of("");

        @Option(names = "--markdown", paramLabel = "FILE", description = "Also write the tables to FILE.")
        @Nullable
        Path markdown;

        @Option(names = "--json", description = "Print one JSON object instead of tables.")
        boolean json;

        /** Runs a study; what happens goes to standard error, the report to standard output. */
        private <R> int run(Study<R> study, Tables<R> tables) throws IOException {
            try (Backend backend = Backends.open();
                    StopFlag stop = StopFlag.onInterrupt();
                    TrainingProgress progress = new TrainingProgress(false)) {
                R report = study.run(backend, stop, progress);
                progress.close();
                String text = tables.of(report);
                if (markdown != null) {
                    AtomicFile.write(markdown, text.getBytes(StandardCharsets.UTF_8));
                }
                System.out.print(json ? Json.line(report) + "\n" : text);
                return 0;
            } catch (StudyStoppedException e) {
                System.err.println("setun: stopped; the same command goes on from " + folder);
                return INTERRUPTED;
            }
        }

        private static void say(String line) {
            System.err.println("setun: " + line);
        }
    }

    /** A study as this command runs it. */
    @FunctionalInterface
    private interface Study<R> {
        R run(Backend backend, StopFlag stop, TrainingProgress progress) throws IOException;
    }

    /** A report as text; may write files. */
    @FunctionalInterface
    private interface Tables<R> {
        String of(R report) throws IOException;
    }

    /** Language models. */
    @Command(name = "twins", mixinStandardHelpOptions = true, description = {
            "Trains language models of 3.4 million weights in matrices: full precision, ternary, ternary with a teacher and",
            "a gradual transition, 3 and 4 bits. Each has the best of the same learning rates, chosen on the first seed;",
            "perplexity per word and bits per byte at the best evaluation, gaps with intervals over the seeds."})
    static final class Twins implements Callable<Integer> {

        @Mixin
        Output output = new Output();

        @Option(names = "--train", required = true, paramLabel = "FILE", description = "Text to train on (UTF-8), such as train.txt of "
                + "WikiText-2.")
        Path train = Path.of("");

        @Option(names = "--held-out", required = true, paramLabel = "FILE", description = "Text to judge by.")
        Path heldOut = Path.of("");

        @Option(names = "--tokens", paramLabel = "N", description = "Tokens that each model sees (default: ${DEFAULT-VALUE}).", defaultValue = "10000000")
        long tokens;

        @Option(names = "--rate-tokens", paramLabel = "N", description = "Tokens of the runs that choose the learning rates (default: "
                + "as --tokens).")
        @Nullable
        Long rateTokens;

        @Option(names = "--rates", paramLabel = "RATE", split = ",", description = "Learning rates to choose from (default: "
                + "${DEFAULT-VALUE}).", defaultValue = "0.001,0.002,0.004")
        List<Double> rates = new ArrayList<>();

        @Option(names = "--seeds", paramLabel = "N", description = "Seeds 1, 2, ... (default: ${DEFAULT-VALUE}).", defaultValue = "3")
        int seeds;

        @Option(names = "--arms", paramLabel = "ARM", split = ",", description = "What to compare with fp32 (default: ${DEFAULT-VALUE}).", defaultValue = "ternary,ternary-distilled,3-bit,4-bit")
        List<String> arms = new ArrayList<>();

        @Option(names = "--set", paramLabel = "KEY=VALUE", description = "Overrides a configuration key of all models; may be given several times.")
        List<String> overrides = new ArrayList<>();

        @Option(names = "--svg", paramLabel = "FILE", description = "Chart of the held-out curves (default: curves.svg in --out).")
        @Nullable
        Path svg;

        @Override
        public Integer call() throws IOException {
            InputFiles.requireFile(train, "a text file");
            InputFiles.requireFile(heldOut, "a text file");
            TwinStudy.Settings settings = new TwinStudy.Settings(train, heldOut, output.folder, tokens,
                    rateTokens == null ? tokens : rateTokens, rates, seeds, arms.stream().map(TwinArm::of).toList(), overrides);
            return output.run((backend, stop, progress) -> TwinStudy.run(settings, backend, stop, Output::say, progress), this::tables);
        }

        private String tables(TwinReport report) throws IOException {
            Path file = svg == null ? output.folder.resolve("curves.svg") : svg;
            report.chart(file);
            Output.say("curves: " + file);
            return report.markdown();
        }
    }

    /** Perceptrons. */
    @Command(name = "mnist", mixinStandardHelpOptions = true, description = {
            "Trains 784-512-512-10 perceptrons on MNIST, ternary beside full precision, and says whether the accuracies",
            "after the last epoch lie within 0.3 points."})
    static final class Mnist implements Callable<Integer> {

        @Mixin
        Output output = new Output();

        @Parameters(paramLabel = "DIR", description = "Folder of the four idx files, plain or .gz ('setun data get mnist').")
        Path images = Path.of("");

        @Option(names = "--epochs", paramLabel = "N", description = "Passes over the training images (default: ${DEFAULT-VALUE}).", defaultValue = "20")
        int epochs;

        @Option(names = "--seeds", paramLabel = "N", description = "Seeds 1, 2, ... (default: ${DEFAULT-VALUE}).", defaultValue = "3")
        int seeds;

        @Override
        public Integer call() throws IOException {
            InputFiles.requireFolder(images, "a folder of idx files");
            return output.run((backend, stop, progress) -> MnistStudy.run(images, output.folder, epochs, seeds, backend, stop, Output::say,
                    progress), MnistStudy.Report::markdown);
        }
    }

    /** Small language models of many kinds. */
    @Command(name = "convergence", mixinStandardHelpOptions = true, description = {
            "Trains small ternary models: 4 shapes x 5 estimators x seeds, and their twins of full precision. One has",
            "converged if its held-out loss is at most 1.15 times its twin's; the share with Wilson's interval, failures listed."})
    static final class Convergence implements Callable<Integer> {

        @Mixin
        Output output = new Output();

        @Option(names = "--text", required = true, paramLabel = "FILE", description = "Text (UTF-8); the last twentieth is held out.")
        Path text = Path.of("");

        @Option(names = "--tokens", paramLabel = "N", description = "Tokens that each model sees (default: ${DEFAULT-VALUE}).", defaultValue = "200000")
        long tokens;

        @Option(names = "--seeds", paramLabel = "N", description = "Seeds 1, 2, ... (default: ${DEFAULT-VALUE}).", defaultValue = "5")
        int seeds;

        @Option(names = "--set", paramLabel = "KEY=VALUE", description = "Overrides a configuration key of all models; may be given several times.")
        List<String> overrides = new ArrayList<>();

        @Override
        public Integer call() throws IOException {
            InputFiles.requireFile(text, "a text file");
            return output
                    .run((backend, stop, progress) -> ConvergenceStudy.run(text, output.folder, tokens, seeds, overrides, backend, stop,
                            Output::say, progress), ConvergenceStudy.Report::markdown);
        }
    }

    /** Gradients. */
    @Command(name = "gradients", mixinStandardHelpOptions = true, description = {
            "Compares the gradients of ternary models with those of full precision, step by step: the cosine at the same",
            "weights, and rho, the relative difference of the variances of the norms to those of a twin."})
    static final class Gradients implements Callable<Integer> {

        @Mixin
        Output output = new Output();

        @Option(names = "--text", required = true, paramLabel = "FILE", description = "Text to train on (UTF-8).")
        Path text = Path.of("");

        @Option(names = "--steps", paramLabel = "N", description = "Steps of each run (default: ${DEFAULT-VALUE}).", defaultValue = "200")
        long steps;

        @Option(names = "--estimators", paramLabel = "NAME", split = ",", description = "Which (default: ${DEFAULT-VALUE}).", defaultValue = "identity,clipped,lsq,ewgs,soft,ewgs_abs,dsq,gumbel")
        List<String> estimators = new ArrayList<>();

        @Option(names = "--set", paramLabel = "KEY=VALUE", description = "Overrides a configuration key of all models; may be given several times.")
        List<String> overrides = new ArrayList<>();

        @Override
        public Integer call() throws IOException {
            InputFiles.requireFile(text, "a text file");
            List<EstimatorArm> arms = estimators.stream().map(EstimatorArm::of).toList();
            return output.run((backend, stop, progress) -> GradientStudy.run(text, output.folder, steps, arms, overrides, backend, stop,
                    Output::say, progress), GradientStudy.Report::markdown);
        }
    }
}
