package org.setun.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.setun.cli.bench.KernelBench;
import org.setun.cli.bench.Row;
import org.setun.kernels.Isa;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code setun bench kernels}: times kernels beside the limits of the machine. */
@Command(name = "bench", mixinStandardHelpOptions = true, description = "Times kernels beside the limits of this machine.", subcommands = {
        BenchCommand.Kernels.class})
final class BenchCommand {

    @Command(name = "kernels", mixinStandardHelpOptions = true, description = {
            "Times the ternary kernels; every result is checked before it is timed.",
            "Shares are of the read bandwidth and of the multiply-add peak that the same run measures."})
    static final class Kernels implements Callable<Integer> {

        @Option(names = "--json", description = "Print one JSON object per row.")
        boolean json;

        @Option(names = "--shape", paramLabel = "MxK", split = ",", description = "Weight shapes (default: ${DEFAULT-VALUE}).", defaultValue = "2560x2560,6912x2560,2560x6912")
        List<String> shapes = new ArrayList<>();

        @Option(names = "--n", paramLabel = "N", split = ",", description = "Activation rows (default: ${DEFAULT-VALUE}).", defaultValue = "1,8,32,512")
        List<Integer> rows = new ArrayList<>();

        @Option(names = "--threads", paramLabel = "T", split = ",", description = "Threads (default: 1 and all processors).")
        List<Integer> threads = new ArrayList<>(List.of(1, Runtime.getRuntime().availableProcessors()));

        @Option(names = "--tier", description = "Highest kernel tier: ${COMPLETION-CANDIDATES}.")
        @Nullable
        Isa tier;

        @Option(names = "--cold-mb", paramLabel = "MB", description = "Working set of the cold rows (default: ${DEFAULT-VALUE}).", defaultValue = "600")
        int coldMb;

        @Option(names = "--seconds", description = "Time per row (default: ${DEFAULT-VALUE}).", defaultValue = "0.5")
        double seconds;

        @Override
        public Integer call() {
            List<KernelBench.Shape> parsed = shapes.stream().map(KernelBench.Shape::parse).toList();
            if (!json) {
                System.out.printf("%-22s %-8s %6s %6s %4s %2s %-9s %8s %11s %9s %9s %6s %6s  %s%n", "kernel", "format", "m", "k", "n", "t",
                        "tier",
                        "set MB", "median us", "GMAC/s", "GB/s", "peak", "band", "check");
            }
            Consumer<Row> print = row -> System.out.println(json ? Json.line(row) : text(row));
            new KernelBench(tier, seconds, (long) coldMb << 20, print).run(parsed, rows,
                    threads);
            return 0;
        }

        private static String text(Row row) {
            return String.format(Locale.ROOT, "%-22s %-8s %6d %6d %4d %2d %-9s %8.1f %11.1f %9.1f %9.1f %5.0f%% %5.0f%%  %s", row.kernel(),
                    row.format(), row.m(), row.k(), row.n(), row.threads(), row.tier(), row.workingSetMb(), row.usMedian(), row.gmacS(),
                    row.weightGbS(), 100 * row.peakShare(), 100 * row.bandwidthShare(), row.check());
        }
    }
}
