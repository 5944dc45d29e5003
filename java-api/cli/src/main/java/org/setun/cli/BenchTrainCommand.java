package org.setun.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.setun.cli.bench.StepBench;
import org.setun.cli.bench.StepMode;
import org.setun.cli.bench.StepModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code setun bench train}: times steps of training. */
@Command(name = "train", mixinStandardHelpOptions = true, description = {
        "Times whole steps of training on made-up data, as the training loop makes them: batch, forward, loss, backward, clipping, update.",
        "GFLOP/s are by the usual count (6 per token and weight, attention over all positions), whatever a step really computes."})
final class BenchTrainCommand implements Callable<Integer> {

    @Option(names = "--model", paramLabel = "NAME", split = ",", description = "What is trained: ${COMPLETION-CANDIDATES} (default: all).")
    List<StepModel> models = new ArrayList<>();

    @Option(names = "--mode", paramLabel = "NAME", split = ",", description = "How: ${COMPLETION-CANDIDATES} (default: all).")
    List<StepMode> modes = new ArrayList<>();

    @Option(names = "--threads", paramLabel = "T", split = ",", description = "Threads (default: 1 and all processors).")
    List<Integer> threads = new ArrayList<>();

    @Option(names = "--warm-up", paramLabel = "N", description = "Steps before the first that counts (default: 2; mlp: 200).", defaultValue = "-1")
    int warmUp;

    @Option(names = "--steps", paramLabel = "N", description = "Steps that count (default: 5; mlp: 400).", defaultValue = "0")
    int steps;

    @Option(names = "--set", paramLabel = "KEY=VALUE", description = "Overrides a key of the training configuration, for example"
            + " optimizer.kind=adamw8bit; may be given several times.")
    List<String> overrides = new ArrayList<>();

    @Option(names = "--operations", description = "Also show which operations the time goes to.")
    boolean operations;

    @Option(names = "--json", description = "Print one JSON object per line.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        List<Integer> counts = threads.isEmpty()
                ? List.of(1, Runtime.getRuntime().availableProcessors()).stream().distinct().toList()
                : threads;
        for (StepModel model : models.isEmpty() ? List.of(StepModel.values()) : models) {
            for (StepMode mode : modes.isEmpty() ? List.of(StepMode.values()) : modes) {
                for (int count : counts) {
                    StepBench.Result result = StepBench.run(new StepBench.Plan(model, mode, count, overrides, warmUp, steps, operations));
                    System.out.println(json ? Json.line(result) : text(result));
                }
            }
        }
        return 0;
    }

    private static String text(StepBench.Result result) {
        StringBuilder text = new StringBuilder(String.format(Locale.ROOT,
                "%s %s, %d thread%s, %s: %.2f ms a step (best %.2f, CPU %.2f), %.0f per second, %.1f GFLOP/s; loss %.3f to %.3f; "
                        + "memory %.0f MB, process %.0f MB",
                result.model(), result.mode(), result.threads(), result.threads() == 1 ? "" : "s", result.isa(), result.msMedian(),
                result.msBest(), result.cpuMs(), result.unitsPerS(), result.gflopS(), result.firstLoss(), result.lastLoss(),
                result.memoryBytes() / 1e6, result.residentBytes() / 1e6));
        result.operations().forEach(operation -> text.append(String.format(Locale.ROOT, "%n  %-24s %9.3f ms %6.0f calls %5.1f %%",
                operation.name(), operation.ms(), operation.calls(), 100 * operation.share())));
        return text.toString();
    }
}
