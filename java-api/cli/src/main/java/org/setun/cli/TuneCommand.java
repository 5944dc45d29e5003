package org.setun.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.setun.cli.plot.ChartFile;
import org.setun.cli.plot.Curve;
import org.setun.cli.plot.TerminalPlot;
import org.setun.formats.AtomicFile;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.training.StopFlag;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;
import org.setun.training.lm.LanguageModelObjective;
import org.setun.training.search.Dimension;
import org.setun.training.search.Halving;
import org.setun.training.search.Search;
import org.setun.training.search.Trial;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code setun tune CONFIG.toml --search KEY=SPACE}: searches for good values of keys. */
@Command(name = "tune", mixinStandardHelpOptions = true, description = {"Searches for values of keys that train the best model.",
        "Ctrl-C stops; the same command goes on where it was."})
final class TuneCommand implements Callable<Integer> {

    private static final int INTERRUPTED = 130;
    private static final int MOST_ROWS = 20;

    @Mixin
    ConfigOptions source = new ConfigOptions();

    @Option(names = "--search", required = true, paramLabel = "KEY=SPACE", description = "A key and its values: log(A, B), uniform(A, B), integer(A, B) or choice(A, B, ...), as in 'schedule.learning_rate=log(1e-4, 1e-2)'; may be given several times.")
    List<String> space = List.of();

    @Option(names = "--trials", paramLabel = "N", description = "How many settings are tried (default: ${DEFAULT-VALUE}).", defaultValue = "20")
    int trials;

    @Option(names = "--method", description = "How they are chosen: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).", defaultValue = "TPE")
    Search.Method method = Search.Method.TPE;

    @Option(names = "--halving", paramLabel = "ETA", description = "Begin with few steps, and give the best 1/ETA of the trials ETA times as many (ASHA); 0: all steps for all (default: ${DEFAULT-VALUE}).", defaultValue = "0")
    int halving;

    @Option(names = "--least-steps", paramLabel = "N", description = "Steps to begin with (default: training.max_steps / 16).")
    @Nullable
    Long leastSteps;

    @Option(names = "--seed", description = "Seed of the choice (default: ${DEFAULT-VALUE}).", defaultValue = "42")
    long seed;

    @Option(names = "--out", required = true, paramLabel = "FOLDER", description = "For the trials, search.json, best.toml and trials.svg; an earlier search of the same settings goes on.")
    Path out = Path.of("");

    @Option(names = "--json", description = "Print every trial, and the result, as a line of JSON.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        if (trials < 1 || halving == 1 || halving < 0) {
            throw new IllegalArgumentException("--trials " + trials + " must be at least 1, --halving " + halving + " 0 or at least 2");
        }
        TrainingConfig config = source.read();
        List<Dimension> dimensions = space.stream().map(TuneCommand::dimension).toList();
        try (Backend backend = Backends.open(); StopFlag stop = StopFlag.onInterrupt()) {
            LanguageModelObjective objective = new LanguageModelObjective(config, out, dimensions, backend, stop, null);
            long most = objective.mostSteps();
            Halving rungs = new Halving(halving == 0 ? most : leastSteps == null ? Math.max(1, most / 16) : leastSteps, most,
                    Math.max(2, halving));
            Search search = Search.open(out, new Search.Settings(dimensions, method, rungs, seed, objective.digest()));
            boolean finished;
            try (ProgressLine progress = new ProgressLine("tune", "trials", trials)) {
                finished = search.run(trials, objective, trial -> told(trial, search, progress));
            }
            report(search, objective);
            return finished ? 0 : INTERRUPTED;
        }
    }

    private static Dimension dimension(String text) {
        try {
            return Dimension.parse(text);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("--search " + e.getMessage(), e);
        }
    }

    private void told(Trial trial, Search search, ProgressLine progress) {
        if (json) {
            System.out.println(Json.line(fields(trial)));
        } else {
            progress.at(search.trials().size(),
                    search.best().map(best -> String.format(Locale.ROOT, "best %.4f bits per byte", best.value()))
                            .orElse("none has succeeded yet"));
        }
    }

    private static Map<String, Object> fields(Trial trial) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("trial", trial.number());
        line.put("values", trial.values());
        line.put("steps", trial.steps());
        line.put("bits_per_byte", trial.value());
        line.put("failure", trial.scores().getLast().failure());
        line.put("seconds", trial.scores().stream().mapToDouble(Trial.Score::seconds).sum());
        return line;
    }

    private void report(Search search, LanguageModelObjective objective) throws IOException {
        List<Trial> ranked = search.trials().stream()
                .sorted(Comparator.comparingLong((Trial trial) -> -trial.steps()).thenComparingDouble(Trial::value)).toList();
        List<Curve> curves = curves(search.trials());
        if (!curves.isEmpty()) {
            ChartFile.write(out.resolve("trials.svg"), "search", "trial", "bits per byte", curves);
        }
        if (search.best().isPresent()) {
            Trial best = search.best().get();
            AtomicFile.write(out.resolve("best.toml"), ConfigWriter.toToml(objective.configuration(best)).getBytes(StandardCharsets.UTF_8));
        }
        if (json) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("result", "tune");
            line.put("trials", search.trials().size());
            line.put("best", search.best().map(TuneCommand::fields).orElse(null));
            System.out.println(Json.line(line));
            return;
        }
        System.out.printf(Locale.ROOT, "%5s %8s %13s  %s%n", "trial", "steps", "bits per byte", "values");
        for (Trial trial : ranked.subList(0, Math.min(MOST_ROWS, ranked.size()))) {
            String failure = trial.scores().getLast().failure();
            String value = failure.isEmpty() ? String.format(Locale.ROOT, "%.4f", trial.value()) : "failed";
            System.out.printf(Locale.ROOT, "%5d %8d %13s  %s%s%n", trial.number(), trial.steps(), value,
                    trial.values().entrySet().stream().map(entry -> entry.getKey() + "=" + entry.getValue())
                            .collect(Collectors.joining(" ")),
                    failure.isEmpty() ? "" : ": " + failure);
        }
        if (ranked.size() > MOST_ROWS) {
            System.out.printf(Locale.ROOT, "  ... and %d more in %s%n", ranked.size() - MOST_ROWS, out.resolve("search.json"));
        }
        if (!curves.isEmpty()) {
            System.out.println(TerminalPlot.render(curves, 70, 12));
        }
        if (search.best().isPresent()) {
            System.out.println("the best configuration is in " + out.resolve("best.toml"));
        }
    }

    /** Each trial's value, and the best so far. */
    private static List<Curve> curves(List<Trial> trials) {
        List<Trial> whole = trials.stream().filter(trial -> Double.isFinite(trial.value())).toList();
        if (whole.size() < 2) {
            return List.of();
        }
        double[] x = whole.stream().mapToDouble(Trial::number).toArray();
        double[] y = whole.stream().mapToDouble(Trial::value).toArray();
        double[] best = y.clone();
        for (int i = 1; i < best.length; i++) {
            best[i] = Math.min(best[i - 1], best[i]);
        }
        return List.of(new Curve("trial", x, y), new Curve("best so far", x, best));
    }
}
