package org.setun.cli.study.qat;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.setun.kernels.Backend;
import org.setun.nn.Precision;
import org.setun.training.StopFlag;
import org.setun.training.TrainingResult;
import org.setun.training.TrainingResult.Point;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.event.TrainingListener;
import org.setun.training.mnist.MnistTraining;

/** Ternary perceptrons on MNIST beside their twins of full precision: accuracies after the last epoch, gaps paired by seed. */
public final class MnistStudy {

    /** How far below its twin's a ternary network's accuracy may lie. */
    static final double WANTED_GAP = 0.003;

    private static final List<WeightQuantizer> ARMS = List.of(WeightQuantizer.NONE, WeightQuantizer.TERNARY);

    /**
     * One network.
     *
     * @param accuracy   after the last epoch, on the test images
     * @param accuracies after each
     */
    public record Run(String arm, long seed, double accuracy, List<Double> accuracies, double seconds, double samplesPerSecond,
            String backend) {
    }

    /**
     * What was found.
     *
     * @param ternary accuracies over the seeds
     * @param twin    likewise
     * @param gap     twin less ternary, paired by seed
     */
    public record Report(int epochs, List<Run> runs, Interval ternary, Interval twin, Interval gap) {

        /** Whether the mean gap keeps to {@link #WANTED_GAP}. */
        @JsonProperty
        public boolean withinWantedGap() {
            return gap.estimate() <= WANTED_GAP;
        }

        /** The runs, and the means with their intervals. */
        public String markdown() {
            StringBuilder text = new StringBuilder(String.format(Locale.ROOT,
                    "%n784-512-512-10, %d epochs: accuracy on the test images%n%n| seed | fp32 | ternary |%n|---:|---:|---:|%n", epochs));
            for (int i = 0; i < runs.size(); i += 2) {
                text.append(String.format(Locale.ROOT, "| %d | %.2f %% | %.2f %% |%n", runs.get(i).seed, 100 * runs.get(i).accuracy,
                        100 * runs.get(i + 1).accuracy));
            }
            text.append(
                    String.format(Locale.ROOT, "| mean | %.2f %% | %.2f %% |%n%nfp32 less ternary: %s points; at most %.1f wanted: %s%n",
                            100 * twin.estimate(), 100 * ternary.estimate(), points(gap), 100 * WANTED_GAP,
                            withinWantedGap() ? "kept" : "NOT kept"));
            return text.toString();
        }

        private static String points(Interval gap) {
            return Double.isNaN(gap.low())
                    ? String.format(Locale.ROOT, "%+.2f", 100 * gap.estimate())
                    : String.format(Locale.ROOT, "%+.2f [%+.2f, %+.2f]", 100 * gap.estimate(), 100 * gap.low(), 100 * gap.high());
        }
    }

    private MnistStudy() {
    }

    /**
     * Trains what has not been trained yet.
     *
     * @param images folder of the idx files
     * @param folder for results
     * @param say    told of each run
     * @throws IllegalArgumentException if {@code folder} holds results of other images or epochs
     * @throws StudyStoppedException if {@code stop} was raised; a network that was not finished begins anew then
     */
    public static Report run(Path images, Path folder, int epochs, int seeds, Backend backend, StopFlag stop, Consumer<String> say,
            TrainingListener progress) throws IOException {
        if (epochs < 1 || seeds < 1) {
            throw new IllegalArgumentException("--epochs " + epochs + " and --seeds " + seeds + " must be at least 1");
        }
        Map<String, String> fixed = new LinkedHashMap<>();
        fixed.put("epochs", Integer.toString(epochs));
        MnistTraining mnist = MnistTraining.open(backend, images).stopFlag(stop).listener(progress);
        fixed.put("images_sha256", mnist.sha256());
        ResultFolder<Run> results = ResultFolder.open(folder, fixed, Run.class);
        List<Run> runs = new ArrayList<>();
        for (long seed = 1; seed <= seeds; seed++) {
            for (WeightQuantizer arm : ARMS) {
                String name = (arm == WeightQuantizer.NONE ? "fp32" : "ternary") + "-seed" + seed;
                Optional<Run> known = results.find(name);
                if (known.isEmpty()) {
                    say.accept("trains " + name);
                    TrainingResult result = mnist.train(arm, Precision.FP32, epochs, seed);
                    String reason = stop.reason();
                    if (reason != null) {
                        throw new StudyStoppedException(reason);
                    }
                    known = Optional.of(results.keep(name, new Run(result.run(), seed, result.finalValue(),
                            result.evaluations().stream().map(Point::value).toList(), result.seconds(), result.unitsPerSecond(),
                            backend.toString())));
                }
                runs.add(known.get());
            }
        }
        return report(epochs, runs);
    }

    static Report report(int epochs, List<Run> runs) {
        double[] twin = new double[runs.size() / 2];
        double[] ternary = new double[twin.length];
        double[] gap = new double[twin.length];
        for (int i = 0; i < twin.length; i++) {
            twin[i] = runs.get(2 * i).accuracy;
            ternary[i] = runs.get(2 * i + 1).accuracy;
            gap[i] = twin[i] - ternary[i];
        }
        return new Report(epochs, runs, Interval.ofMean(ternary), Interval.ofMean(twin), Interval.ofMean(gap));
    }
}
