package org.setun.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.nn.Precision;
import org.setun.training.TrainingResult;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.mnist.MnistTraining;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code setun mnist DIR}: trains the 784-512-512-10 network on idx files, ternary beside full precision. */
@Command(name = "mnist", mixinStandardHelpOptions = true, description = "Trains a 784-512-512-10 network on MNIST, or on any idx files "
        + "named alike: ternary weights beside full precision.")
final class MnistCommand implements Callable<Integer> {

    @Parameters(paramLabel = "DIR", description = "Folder of train-images-idx3-ubyte and its three fellows, plain or .gz ('setun data get "
            + "mnist').")
    Path folder = Path.of("");

    @Option(names = "--epochs", description = "Passes over the training images (default: ${DEFAULT-VALUE}).", defaultValue = "20")
    int epochs;

    @Option(names = "--seeds", description = "Models of each kind, with seeds 1, 2, ... (default: ${DEFAULT-VALUE}).", defaultValue = "3")
    int seeds;

    @Option(names = "--precision", description = "Of matrix products: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}). bf16 where "
            + "weights are fp32, and in backward.", defaultValue = "fp32")
    Precision precision = Precision.FP32;

    @Option(names = "--json", description = "Print one JSON object per model.")
    boolean json;

    @Override
    public Integer call() throws IOException {
        if (epochs < 1 || seeds < 1) {
            throw new IllegalArgumentException("--epochs " + epochs + " and --seeds " + seeds + " must be at least 1");
        }
        double[] sums = new double[WeightQuantizer.values().length];
        try (Backend backend = Backends.open()) {
            MnistTraining mnist = MnistTraining.open(backend, folder);
            for (int seed = 1; seed <= seeds; seed++) {
                for (WeightQuantizer weights : List.of(WeightQuantizer.TERNARY, WeightQuantizer.NONE)) {
                    TrainingResult result = mnist.train(weights, precision, epochs, seed);
                    sums[weights.ordinal()] += result.finalValue();
                    print(seed, result);
                }
            }
        }
        if (!json) {
            double ternary = 100 * sums[WeightQuantizer.TERNARY.ordinal()] / seeds;
            double twin = 100 * sums[WeightQuantizer.NONE.ordinal()] / seeds;
            System.out.printf(Locale.ROOT, "mean of %d: ternary %.2f %%, full precision %.2f %%, gap %.2f points%n", seeds, ternary, twin,
                    twin - ternary);
        }
        return 0;
    }

    private void print(int seed, TrainingResult result) {
        if (json) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("seed", seed);
            line.put("run", result.run());
            line.put("accuracy", result.finalValue());
            line.put("samples_s", result.unitsPerSecond());
            System.out.println(Json.line(line));
        } else {
            System.out.printf(Locale.ROOT, "seed %d  %-12s  accuracy %.2f %%  %,.0f samples/s of training, optimizer included%n", seed,
                    result.run(),
                    100 * result.finalValue(), result.unitsPerSecond());
        }
    }
}
