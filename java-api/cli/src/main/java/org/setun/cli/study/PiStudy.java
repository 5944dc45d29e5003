package org.setun.cli.study;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.setun.eval.ModelComparison;
import org.setun.eval.PairedBootstrap;
import org.setun.quant.format.QuantizationError;
import org.setun.quant.pi.PiQuantConfig;

/**
 * Does π buy anything? Grids of 2 and 3 bits on equal terms (blocks of 256, an f16 step each, the same steps tried): uniform ones, those made
 * with π, and Lloyd's, on known distributions and on trained models. The claim "π is better" holds for a model if the interval of the
 * perplexity difference to the <em>best</em> uniform grid excludes 0; that grid is the one with the lower perplexity on the model at hand.
 */
final class PiStudy {

    private static final int LLOYD_BLOCKS = 256;
    private static final int LLOYD_ITERATIONS = 12;
    private static final int RESAMPLES = 10_000;
    private static final double LEVEL = 0.95;

    /**
     * Mean squared error of an arm on a distribution of variance 1.
     *
     * @param spread the standard deviation of the mean over the seeds
     */
    record DistributionRow(int bits, String distribution, String arm, double mse, double spread) {
    }

    /**
     * An arm on a model.
     *
     * @param bitsPerWeight with everything stored
     * @param error         {@code sum e^2 / sum w^2} over all matrices
     * @param outputError   the same of the layers' outputs, averaged over the matrices; NaN if inputs were not gathered
     * @param divergence    nats per token
     * @param agreement     share of tokens where the unquantized model finds the same token likeliest
     * @param accuracy      share of tokens (images) whose next token (label) it finds likeliest
     * @param difference    of the perplexity from that of the best uniform grid with its interval; null for that grid itself
     */
    record ModelRow(String model, String data, int bits, String arm, double bitsPerWeight, double error, double outputError,
            double divergence, double agreement, double accuracy, double perplexity, double referencePerplexity,
            PairedBootstrap.@Nullable Interval difference) {
    }

    private static final List<String> UNIFORM = List.of("uniform, absmax", "uniform, searched", "mid-rise, searched");

    private PiStudy() {
    }

    /** What is compared at {@code bits} bits. */
    static List<Arm> arms(int bits) {
        String pi = "pi-q" + bits + ":k=";
        int published = PiQuantConfig.defaultK(bits);
        List<Arm> arms = new ArrayList<>(List.of(
                Arm.of(Grid.twosComplement(UNIFORM.get(0), bits, Grid.StepRule.ABSMAX)),
                Arm.of(Grid.twosComplement(UNIFORM.get(1), bits, Grid.StepRule.SEARCH)),
                Arm.of(Grid.midRise(UNIFORM.get(2), bits, Grid.StepRule.SEARCH)),
                Arm.of(pi + published + ",scale=absmax", bits)));
        for (String k : List.of("2", "3", "4", "5", "mixed")) {
            arms.add(Arm.of(pi + k + ",scale=sigma", bits));
        }
        arms.add(Arm.of(pi + published + ",scale=search", bits)); // any other k rounds alike
        arms.add(Arm.of(pi + "mixed,scale=search", bits));
        arms.add(Arm.of("pi-tan" + bits, bits));
        arms.add(Arm.fitted("Lloyd-Max", bits, values -> lloyd(values, bits)));
        return List.copyOf(arms);
    }

    private static Grid lloyd(float[] values, int bits) {
        return GridCoder.lloydMax("Lloyd-Max", sample(values, LLOYD_BLOCKS), Grid.midRise("start", bits, Grid.StepRule.SEARCH),
                LLOYD_ITERATIONS);
    }

    /** At most {@code count} blocks, taken evenly from all of the values: a matrix is not alike everywhere. */
    static float[] sample(float[] values, int count) {
        int blocks = values.length / Grid.BLOCK;
        if (blocks <= count) {
            return values;
        }
        float[] sample = new float[count * Grid.BLOCK];
        for (int i = 0; i < count; i++) {
            int block = (int) ((long) i * blocks / count);
            System.arraycopy(values, block * Grid.BLOCK, sample, i * Grid.BLOCK, Grid.BLOCK);
        }
        return sample;
    }

    /** Every arm on every distribution: {@code samples} values of each of {@code seeds} seeds. */
    static List<DistributionRow> distributions(int samples, int seeds, Consumer<String> progress) {
        List<DistributionRow> rows = new ArrayList<>();
        for (int bits = 3; bits >= 2; bits--) {
            for (Distribution distribution : Distribution.values()) {
                for (Arm arm : arms(bits)) {
                    progress.accept(distribution.label() + ", " + arm.name());
                    double sum = 0;
                    double squares = 0;
                    for (int seed = 1; seed <= seeds; seed++) {
                        float[] values = distribution.sample(samples, seed);
                        QuantizationError error = new QuantizationError();
                        error.add(values, 0, arm.round(values), 0, values.length);
                        sum += error.mse();
                        squares += error.mse() * error.mse();
                    }
                    double mean = sum / seeds;
                    double variance = seeds > 1 ? Math.max(0, (squares - seeds * mean * mean) / (seeds - 1)) : Double.NaN;
                    rows.add(new DistributionRow(bits, distribution.label(), arm.name(), mean, Math.sqrt(variance / seeds)));
                }
            }
        }
        return rows;
    }

    /** Every arm, and {@code others} of about as many bits, on a model. */
    static List<ModelRow> model(Subject subject, List<Arm> others, Consumer<String> progress) throws IOException {
        List<ModelRow> rows = new ArrayList<>();
        Map<String, double[]> inputs = subject.inputProducts();
        for (int bits = 3; bits >= 2; bits--) {
            int size = bits;
            List<Arm> arms = new ArrayList<>(arms(bits));
            others.stream().filter(arm -> arm.bits() == size).forEach(arms::add);
            Map<Arm, ModelComparison.Result> results = new LinkedHashMap<>();
            Map<Arm, double[]> errors = new LinkedHashMap<>();
            for (Arm arm : arms) {
                progress.accept(subject.name() + ", " + arm.name());
                Map<String, float[]> replaced = new LinkedHashMap<>();
                QuantizationError error = new QuantizationError();
                double outputs = 0;
                for (Subject.Matrix matrix : subject.matrices()) {
                    float[] rounded = arm.round(matrix.values());
                    replaced.put(matrix.name(), rounded);
                    error.add(matrix.values(), 0, rounded, 0, rounded.length);
                    outputs += outputError(matrix, rounded, inputs.get(matrix.name()));
                }
                errors.put(arm, new double[]{error.relative() * error.relative(), outputs / subject.matrices().size()});
                results.put(arm, subject.compare(replaced));
            }
            Arm best = arms.stream().filter(arm -> UNIFORM.contains(arm.name()))
                    .min(Comparator.comparingDouble(arm -> results.get(arm).perplexity())).orElseThrow();
            results.forEach((arm, result) -> rows.add(new ModelRow(subject.name(), subject.data(), size, arm.name(), arm.bitsPerWeight(),
                    errors.get(arm)[0], errors.get(arm)[1], result.divergence(), result.agreement(), result.accuracy(), result.perplexity(),
                    result.referencePerplexity(), arm == best ? null : difference(result, results.get(best)))));
        }
        return rows;
    }

    private static PairedBootstrap.Interval difference(ModelComparison.Result a, ModelComparison.Result b) {
        return PairedBootstrap.perplexityDifference(a.windows().stream().mapToDouble(ModelComparison.Window::loss).toArray(),
                b.windows().stream().mapToDouble(ModelComparison.Window::loss).toArray(),
                a.windows().stream().mapToInt(ModelComparison.Window::tokens).toArray(), RESAMPLES, LEVEL, 1);
    }

    /** {@code tr(E H E^T) / tr(W H W^T)} with H the sum of the inputs' products. */
    private static double outputError(Subject.Matrix matrix, float[] rounded, double @Nullable [] h) {
        if (h == null) {
            return Double.NaN;
        }
        int n = matrix.columns();
        double error = 0;
        double signal = 0;
        double[] e = new double[n];
        double[] w = new double[n];
        for (int row = 0; row < matrix.rows(); row++) {
            for (int i = 0; i < n; i++) {
                w[i] = matrix.values()[row * n + i];
                e[i] = w[i] - rounded[row * n + i];
            }
            for (int i = 0; i < n; i++) {
                double he = 0;
                double hw = 0;
                for (int j = 0; j < n; j++) {
                    he += h[i * n + j] * e[j];
                    hw += h[i * n + j] * w[j];
                }
                error += e[i] * he;
                signal += w[i] * hw;
            }
        }
        return error / signal;
    }
}
