package org.setun.cli;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.setun.cli.bench.StepBench;
import org.setun.cli.bench.StepMode;
import org.setun.cli.bench.StepModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code setun bench memory}: what training takes, one setting at a time. */
@Command(name = "memory", mixinStandardHelpOptions = true, description = {
        "Measures the peak memory of a step of training, with ternary weights and in full precision, and switches one setting at a time on both"
                + " sides; the last row has them all.",
        "Counted are parameters, gradients, optimizer state, codes, scratch and activations; not the JVM nor the scratch of the kernels."})
final class BenchMemoryCommand implements Callable<Integer> {

    private static final Map<String, List<String>> SETTINGS = settings();

    @Option(names = "--model", paramLabel = "NAME", description = "What is trained: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).", defaultValue = "decoder-30m")
    StepModel model = StepModel.DECODER_30M;

    @Option(names = "--json", description = "Print one JSON object per line.")
    boolean json;

    /** Memory in MB; ratios to the first row's full precision and to that of the same row. */
    record Row(String setting, double fullPrecisionMb, double ternaryMb, double ofAdamw, double ofSame) {
    }

    private static Map<String, List<String>> settings() {
        Map<String, List<String>> all = new LinkedHashMap<>();
        all.put("AdamW", List.of());
        all.put("8-bit AdamW", List.of("optimizer.kind=adamw8bit"));
        all.put("blocks computed twice", List.of("training.recompute=true"));
        all.put("one window at a time", List.of("training.memory_efficient=true"));
        all.put("all of these", all.values().stream().flatMap(List::stream).toList());
        return all;
    }

    @Override
    public Integer call() throws IOException {
        if (!json) {
            System.out.println(
                    "| setting | full precision, MB | ternary, MB | ternary ÷ full precision with AdamW | ÷ full precision, same setting |");
            System.out.println("|---|---:|---:|---:|---:|");
        }
        double baseline = Double.NaN;
        for (Map.Entry<String, List<String>> setting : SETTINGS.entrySet()) {
            double full = megabytes(StepMode.FP32, setting.getValue());
            double ternary = megabytes(StepMode.TERNARY_BF16, setting.getValue());
            baseline = Double.isNaN(baseline) ? full : baseline;
            Row row = new Row(setting.getKey(), full, ternary, ternary / baseline, ternary / full);
            System.out.println(json
                    ? Json.line(row)
                    : String.format(Locale.ROOT, "| %s | %.0f | %.0f | %.2f | %.2f |", row.setting, full, ternary, row.ofAdamw,
                            row.ofSame));
        }
        return 0;
    }

    private double megabytes(StepMode mode, List<String> settings) throws IOException {
        int threads = Runtime.getRuntime().availableProcessors();
        return StepBench.run(new StepBench.Plan(model, mode, threads, settings, 0, 1, false)).memoryBytes() / 1e6;
    }
}
