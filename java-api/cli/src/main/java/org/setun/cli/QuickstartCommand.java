package org.setun.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.setun.cli.plot.TerminalPlot;
import org.setun.cli.quickstart.Quickstart;
import org.setun.cli.quickstart.QuickstartData;
import org.setun.cli.quickstart.QuickstartFolder;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.training.StopFlag;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code setun quickstart}: trains a ternary language model and its full-precision twin on Java source, exports and runs them. */
@Command(name = "quickstart", mixinStandardHelpOptions = true, description = "Trains a ternary model and its full-precision twin on Java source in about five minutes, and runs both.")
final class QuickstartCommand implements Callable<Integer> {

    private static final int INTERRUPTED = 130;
    private static final String DEFAULT_FOLDER = "setun-quickstart";

    @Option(names = "--data", paramLabel = "PATH", description = "A file, folder or zip to learn from (default: the JDK's src.zip).")
    @Nullable
    Path data;

    @Option(names = "--out", paramLabel = "DIR", description = "Where models, checkpoints and charts go (default: ${DEFAULT-VALUE}).", defaultValue = DEFAULT_FOLDER)
    Path out = Path.of(DEFAULT_FOLDER);

    @Option(names = "--minutes", description = "Time for all of it (default: ${DEFAULT-VALUE}).", defaultValue = "4.8")
    double minutes;

    @Option(names = "--seed", description = "Seed of weights and batches (default: ${DEFAULT-VALUE}).", defaultValue = "42")
    long seed;

    @Option(names = {"-p",
            "--prompt"}, description = "What the models complete.", defaultValue = "    public static int max(int a, int b) {\n")
    String prompt = "";

    @Option(names = "--set", paramLabel = "KEY=VALUE", description = "Overrides a configuration key; may be given several times.")
    List<String> overrides = new ArrayList<>();

    @Option(names = "--json", description = "Print events and the result as lines of JSON.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        QuickstartFolder.prepare(out);
        try (Backend backend = Backends.open();
                StopFlag stop = StopFlag.onInterrupt();
                TrainingProgress progress = new TrainingProgress(json)) {
            say("backend: " + backend);
            Quickstart quickstart = new Quickstart(backend, out, 60 * minutes, prompt, this::say, progress, stop);
            Quickstart.Report report = quickstart.run(QuickstartData.choose(data), seed, overrides);
            if (json) {
                System.out.println(Json.line(report));
            } else {
                print(report);
            }
            return 0;
        } catch (Quickstart.StoppedException e) {
            System.err.println("setun: stopped; checkpoints are in " + out.resolve("runs"));
            return INTERRUPTED;
        }
    }

    private void say(String line) {
        (json ? System.err : System.out).println(line);
    }

    private static void print(Quickstart.Report report) {
        System.out.println();
        System.out.println("Held-out bits per byte over " + report.steps() + " steps:");
        System.out.println(TerminalPlot.render(Quickstart.curves(report), 70, 16));
        row("", "ternary", "fp32 twin");
        Quickstart.ModelReport a = report.ternary();
        Quickstart.ModelReport b = report.twin();
        row("held-out bits per byte", number("%.3f", a.bitsPerByte()), number("%.3f", b.bitsPerByte()));
        row("held-out perplexity per token", number("%.1f", a.perplexity()), number("%.1f", b.perplexity()));
        row("the same from the file, 8k tokens", number("%.1f", a.filePerplexity()), number("%.1f", b.filePerplexity()));
        row("file", a.file().toString(), b.file().toString());
        row("file size, bytes", number("%,d", a.fileBytes()), number("%,d", b.fileBytes()));
        row("generation, tokens/s", number("%,.0f", a.decodeTokensPerSecond()), number("%,.0f", b.decodeTokensPerSecond()));
        row("training, seconds", number("%.0f", a.trainingSeconds()), number("%.0f", b.trainingSeconds()));
        System.out.println();
        System.out.printf(Locale.ROOT, "order-%d byte n-gram on the same bytes: %.3f bits per byte; the ternary model is %s.%n",
                report.ngramOrder(),
                report.ngramBitsPerByte(), a.bitsPerByte() < report.ngramBitsPerByte() ? "below it" : "NOT below it");
        System.out.printf(Locale.ROOT,
                "Trained for %,d steps (%,d tokens), fitted to the time: fewer on a busy machine; --minutes 10 trains "
                        + "longer.%n",
                report.steps(), report.tokensSeen());
        System.out.printf(Locale.ROOT, "Gap of ternary to its twin: %.1f %% of bits per byte.%n%n", report.gapPercent());
        for (Quickstart.ModelReport model : List.of(a, b)) {
            System.out.println("--- " + model.name() + " completes ---");
            System.out.println(model.completion());
        }
        System.out.printf(Locale.ROOT,
                "%nCharts: %s, %s. All in %.0f s.%nNext: ./setun generate %s --prompt 'public class ' --temperature 0.7%n",
                report.svg(),
                report.png(), report.seconds(), a.file());
    }

    private static void row(String name, String ternary, String twin) {
        System.out.printf("%-34s %-34s %s%n", name, ternary, twin);
    }

    private static String number(String format, Object value) {
        return String.format(Locale.ROOT, format, value);
    }
}
