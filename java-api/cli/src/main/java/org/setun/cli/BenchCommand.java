package org.setun.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.setun.cli.bench.CheckpointBench;
import org.setun.cli.bench.Figure;
import org.setun.cli.bench.FigureTable;
import org.setun.cli.bench.Figures;
import org.setun.cli.bench.KernelBench;
import org.setun.cli.bench.Limits;
import org.setun.cli.bench.MonitoringBench;
import org.setun.cli.bench.Roofline;
import org.setun.cli.bench.Row;
import org.setun.cli.bench.Shape;
import org.setun.kernels.Isa;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code setun bench}: times kernels beside the limits of the machine, and steps of training. */
@Command(name = "bench", mixinStandardHelpOptions = true, description = "Times kernels beside the limits of this machine, and steps of training.", subcommands = {
        BenchCommand.Kernel.class, BenchCommand.Table.class, BenchTrainCommand.class, BenchMemoryCommand.class,
        BenchCommand.Checkpoints.class,
        BenchCommand.Monitoring.class})
final class BenchCommand {

    private static final int ALL = Runtime.getRuntime().availableProcessors();

    /** Fails if a row is above 100 % of a limit: then the limit or the row is wrong. */
    private static int verdict(List<Row> rows) {
        List<String> impossible = rows.stream().flatMap(row -> row.impossible().stream()).toList();
        impossible.forEach(row -> System.err.println("setun: " + row + ": more than 100 % is a measuring error"));
        return impossible.isEmpty() ? 0 : Failures.FAILED;
    }

    private static void chart(@Nullable Path file, List<Limits> limits, List<Row> rows) throws IOException {
        if (file != null) {
            Roofline.write(file, limits.getFirst(), rows);
            System.err.println("setun: chart in " + file);
        }
    }

    private static void requireChartName(@Nullable Path file) {
        if (file != null && !file.toString().endsWith(".svg")) {
            throw new IllegalArgumentException("chart file '" + file + "' must end in .svg");
        }
    }

    @Command(name = "kernels", mixinStandardHelpOptions = true, description = {
            "Times kernels; every result is checked before it is timed.",
            "A row gives a median, and shares of the bandwidth and of the multiply-add peak that were measured in between its calls. Cold rows"
                    + " walk through a set of operands far beyond the caches, hot rows take the same ones again.",
            "Without --full a selection of shapes and activation rows is measured: some minutes. With it all of them: about half an hour.",
            "The exit code is 1 if a row is above 100 %% of a limit (and 3 %% for the clock)."})
    static final class Kernel implements Callable<Integer> {

        private static final List<String> SOME_SHAPES = List.of("2560x2560", "6912x2560", "2560x6912", "333x4097");
        private static final List<String> ALL_SHAPES = List.of("2560x2560", "6912x2560", "2560x6912", "4096x14336", "3200x8640", "1x1",
                "7x300", "2561x2559", "333x4097");
        private static final List<Integer> SOME_ROWS = List.of(1, 4, 32, 512);
        private static final List<Integer> ALL_ROWS = List.of(1, 2, 4, 8, 16, 32, 128, 512);

        @Option(names = "--full", description = "All shapes (2560x2560, 6912x2560, 2560x6912, 4096x14336, 3200x8640, 1x1, 7x300, 2561x2559,"
                + " 333x4097) and activation rows (1, 2, 4, 8, 16, 32, 128, 512).")
        boolean full;

        @Option(names = "--kernel", paramLabel = "NAME", split = ",", description = "Kernels (default: all of them).")
        List<String> kernels = new ArrayList<>();

        @Option(names = "--shape", paramLabel = "MxK", split = ",", description = "Weight shapes (default: 2560x2560, 6912x2560, 2560x6912,"
                + " 333x4097).")
        List<String> shapes = new ArrayList<>();

        @Option(names = "--n", paramLabel = "N", split = ",", description = "Activation rows (default: 1, 4, 32, 512). Up to 16 are also"
                + " measured cold.")
        List<Integer> rows = new ArrayList<>();

        @Option(names = "--threads", paramLabel = "T", split = ",", description = "Threads (default: 1 and all processors).")
        List<Integer> threads = new ArrayList<>();

        @Option(names = "--tier", description = "Kernel tier, one that this machine has: ${COMPLETION-CANDIDATES} (default: the best).")
        @Nullable
        Isa tier;

        @Option(names = "--cold-mb", paramLabel = "MB", description = "What a cold row walks through; 0: no cold rows (default:"
                + " ${DEFAULT-VALUE}).", defaultValue = "600")
        int coldMb;

        @Option(names = "--seconds", description = "Time per row, its limits included (default: ${DEFAULT-VALUE}).", defaultValue = "0.5")
        double seconds;

        @Option(names = "--json", description = "Print one JSON object per line: the limits and rows of each number of threads.")
        boolean json;

        @Option(names = "--chart", paramLabel = "FILE", description = "Draw the roofline of the first number of threads, as SVG.")
        @Nullable
        Path chart;

        @Override
        public Integer call() throws IOException {
            requireChartName(chart);
            KernelBench.Plan plan = new KernelBench.Plan(kernels,
                    (!shapes.isEmpty() ? shapes : full ? ALL_SHAPES : SOME_SHAPES).stream().map(Shape::parse).toList(),
                    !rows.isEmpty() ? rows : full ? ALL_ROWS : SOME_ROWS, threads.isEmpty() ? List.of(1, ALL) : threads, tier,
                    (long) coldMb * 1_000_000, seconds);
            List<Limits> limits = new ArrayList<>();
            try (ProgressLine progress = new ProgressLine("bench", "rows", -1)) {
                List<Row> measured = new KernelBench(plan).run(new KernelBench.Listener() {
                    @Override
                    public void limits(Limits found) {
                        limits.add(found);
                        System.out.println(json ? Json.line(Map.of("limits", found)) : text(found));
                    }

                    @Override
                    public void row(Row row, int done, int total) {
                        System.out.println(json ? Json.line(row) : text(row));
                        progress.at(done, "of " + total);
                    }
                });
                chart(chart, limits, measured);
                return verdict(measured);
            }
        }

        private static String text(Limits limits) {
            StringBuilder text = new StringBuilder(String.format(Locale.ROOT,
                    "%d thread%s, %s: int8 %.0f, bf16 %.0f, fp32 %.0f GMAC/s; reading %.1f, copying %.1f GB/s%n", limits.threads(),
                    limits.threads() == 1 ? "" : "s", limits.tier(), limits.int8GmacS(), limits.bf16GmacS(), limits.fp32GmacS(),
                    limits.readGbS(), limits.copyGbS()));
            limits.waysGbS().forEach((way, rate) -> text.append(String.format(Locale.ROOT, "  %-32s %6.1f GB/s%n", way, rate)));
            return text.append(String.format(Locale.ROOT, "%-22s %-8s %6s %6s %4s %-4s %8s %11s %9s %7s %5s %5s  %s", "kernel", "format",
                    "m", "k", "n", "", "set MB", "median us", "GMAC/s", "GB/s", "peak", "band", "check")).toString();
        }

        private static String text(Row row) {
            return String.format(Locale.ROOT, "%-22s %-8s %6d %6d %4d %-4s %8.1f %11.2f %9.1f %7.1f %5s %5s  %s", row.kernel(),
                    row.format(), row.m(), row.k(), row.n(), row.cold() ? "cold" : "hot", row.workingSetMb(), row.usMedian(), row.gmacS(),
                    row.gbS(), percent(row.peakShare()), percent(row.bandwidthShare()), row.check());
        }

        private static String percent(double share) {
            return Double.isNaN(share) ? "-" : String.format(Locale.ROOT, "%.0f%%", 100 * share);
        }
    }

    @Command(name = "figures", mixinStandardHelpOptions = true, description = {
            "Measures the figures that the CPU kernels are to reach and prints what must be, what is aimed at, what was measured.",
            "A tier that this machine lacks is \"not run\". Comparisons with other libraries are not among them.",
            "The exit code is 1 if a measurement is above 100 %% of a limit; a missed figure is a result, not a failure."})
    static final class Table implements Callable<Integer> {

        @Option(names = "--cold-mb", paramLabel = "MB", description = "What cold calls walk through (default: ${DEFAULT-VALUE}).", defaultValue = "600")
        int coldMb;

        @Option(names = "--seconds", description = "Time per measurement (default: ${DEFAULT-VALUE}).", defaultValue = "1")
        double seconds;

        @Option(names = "--json", description = "Print one JSON object: limits, figures, and the rows behind them.")
        boolean json;

        @Option(names = "--markdown", description = "Print the table as Markdown.")
        boolean markdown;

        @Option(names = "--chart", paramLabel = "FILE", description = "Draw the roofline of one thread, as SVG.")
        @Nullable
        Path chart;

        @Override
        public Integer call() throws IOException {
            requireChartName(chart);
            if (coldMb < 1) {
                throw new IllegalArgumentException("cold-mb = " + coldMb + " must be at least 1");
            }
            Figures figures = new Figures(seconds, (long) coldMb * 1_000_000, message -> System.err.println("setun: " + message));
            List<Figure> measured = figures.measure();
            if (json) {
                Map<String, Object> all = new LinkedHashMap<>();
                all.put("limits", figures.limits());
                all.put("figures", measured);
                all.put("rows", figures.rows());
                System.out.println(Json.line(all));
            } else {
                System.out.print(markdown ? FigureTable.markdown(measured) : FigureTable.text(measured));
            }
            chart(chart, figures.limits(), figures.rows());
            return verdict(figures.rows());
        }
    }

    @Command(name = "checkpoint", mixinStandardHelpOptions = true, description = {
            "Measures checkpoints: how long a save holds up training, its rate beside that of a plain file of as many bytes, and loading.",
            "Both are forced to the device, in turn. A missed figure is a result, not a failure."})
    static final class Checkpoints implements Callable<Integer> {

        @Option(names = "--parameters", paramLabel = "N", description = "Of the model; twelve bytes each, with AdamW's moments (default:"
                + " ${DEFAULT-VALUE}).", defaultValue = "50000000")
        long parameters;

        @Option(names = "--rounds", paramLabel = "N", description = "Saves that are timed (default: ${DEFAULT-VALUE}).", defaultValue = "10")
        int rounds;

        @Option(names = "--folder", description = "Where, on the device to measure (default: the working directory).", defaultValue = ".")
        Path folder;

        @Option(names = "--json", description = "Print one JSON object.")
        boolean json;

        @Override
        public Integer call() throws IOException {
            List<Figure> figures = new CheckpointBench(parameters, rounds, folder, message -> System.err.println("setun: " + message))
                    .measure();
            System.out.print(json ? Json.line(Map.of("figures", figures)) + System.lineSeparator() : FigureTable.text(figures));
            return 0;
        }
    }

    @Command(name = "monitoring", mixinStandardHelpOptions = true, description = {
            "Measures what watching a run costs: steps of a small decoder with and without all monitors, in turn.",
            "A missed figure is a result, not a failure."})
    static final class Monitoring implements Callable<Integer> {

        @Option(names = "--steps", paramLabel = "N", description = "Steps, every second of them watched (default: ${DEFAULT-VALUE}).", defaultValue = "400")
        int steps;

        @Option(names = "--json", description = "Print one JSON object.")
        boolean json;

        @Override
        public Integer call() throws IOException {
            List<Figure> figures = new MonitoringBench(steps).measure();
            System.out.print(json ? Json.line(Map.of("figures", figures)) + System.lineSeparator() : FigureTable.text(figures));
            return 0;
        }
    }
}
