package org.setun.quant.calibration;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.opentest4j.TestAbortedException;
import org.setun.kernels.Backend;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.NativeLibraryException;
import org.setun.nn.Linear;
import org.setun.nn.Parameter;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.nn.function.CrossEntropy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Everything a calibration collects against brute force over all rows and all gradients, kept in memory. */
class CalibratorTest extends CalibrationTest {

    /** All rows of all inputs, by input. */
    private Map<String, List<float[]>> rows(List<int[]> text) {
        Map<String, List<float[]>> rows = new LinkedHashMap<>();
        Tape tape = Tape.evaluating(backend, workspace);
        tape.observe((layers, x) -> {
            float[] values = x.toArray();
            int k = (int) x.columns();
            List<float[]> list = rows.computeIfAbsent(layers.getFirst().weight().name(), name -> new ArrayList<>());
            for (int r = 0; r < x.rows(); r++) {
                list.add(Arrays.copyOfRange(values, r * k, r * k + k));
            }
        });
        for (int[] ids : text) {
            decoder.forward(tape, Tensor.of(workspace, ids, ids.length), 1, ids.length);
            tape.reset();
        }
        return rows;
    }

    @Test
    void statisticsAgreeWithAllRows() {
        List<int[]> text = text(30);
        Map<String, List<float[]>> rows = rows(text);
        try (Calibrator calibrator = run(text, config(FisherLabels.NONE, false))) {
            assertThat(calibrator.inputs().stream().map(InputStatistics::name)).containsExactlyElementsOf(rows.keySet());
            for (InputStatistics input : calibrator.inputs()) {
                List<float[]> all = rows.get(input.name());
                assertThat(input.tokens()).isEqualTo(all.size());
                for (int c = 0; c < input.columns(); c++) {
                    int column = c;
                    double[] values = all.stream().mapToDouble(row -> row[column]).toArray();
                    double mean = Arrays.stream(values).average().orElseThrow();
                    double variance = Arrays.stream(values).map(v -> (v - mean) * (v - mean)).sum() / values.length;
                    double squares = Arrays.stream(values).map(v -> v * v).sum();
                    assertThat(input.min()[c]).isEqualTo((float) Arrays.stream(values).min().orElseThrow());
                    assertThat(input.max()[c]).isEqualTo((float) Arrays.stream(values).max().orElseThrow());
                    assertThat(input.mean()[c]).isCloseTo(mean, within(1e-12));
                    assertThat(input.variance()[c]).isCloseTo(variance, within(1e-11 * (1 + variance)));
                    assertThat(input.sumOfSquares()[c]).isCloseTo(squares, within(1e-11 * (1 + squares)));
                }
                double[] magnitudes = all.stream().flatMapToDouble(row -> toDoubles(row)).map(Math::abs).sorted().toArray();
                assertThat(input.histogram().total()).isEqualTo(magnitudes.length);
                double exact = magnitudes[(int) Math.ceil(0.9 * magnitudes.length) - 1];
                assertThat(input.histogram().magnitudeQuantile(0.9)).isCloseTo(exact, within(exact / LogHistogram.PER_OCTAVE));
                assertThat(input.absmax()).isEqualTo((float) magnitudes[magnitudes.length - 1]);
            }
        }
    }

    private static DoubleStream toDoubles(float[] row) {
        double[] doubles = new double[row.length];
        for (int i = 0; i < row.length; i++) {
            doubles[i] = row[i];
        }
        return Arrays.stream(doubles);
    }

    /** Query, key and value share an input, gate and up another: four per block, and the head's. */
    @Test
    void projectionsOfOneInputShareItsStatistics() {
        try (Calibrator calibrator = run(text(2), config(FisherLabels.NONE, true))) {
            assertThat(calibrator.inputs()).hasSize(4 * MODEL.layers() + 1);
            assertThat(calibrator.inputs().getFirst().weights()).containsExactly("blk.0.attn_q.weight", "blk.0.attn_k.weight",
                    "blk.0.attn_v.weight");
            assertThat(calibrator.inputs().get(2).weights()).containsExactly("blk.0.ffn_gate.weight", "blk.0.ffn_up.weight");
            assertThat(calibrator.inputs().getLast().weights()).containsExactly("output.weight");
            assertThat(calibrator.hessians()).hasSize(4 * MODEL.layers() + 1);
        }
    }

    @Test
    void hessiansAgreeWithAllRowsInAnyNumberOfPasses() {
        List<int[]> text = text(30);
        Map<String, List<float[]>> rows = rows(text);
        CalibrationConfig all = config(FisherLabels.TRUE, true);
        CalibrationConfig one = new CalibrationConfig(all.samples(), all.context(), all.seed(), all.fisher(), true, 1);
        List<Long> totals = new ArrayList<>();
        try (Calibrator atOnce = run(text, all);
                Calibrator oneByOne = new Calibrator(backend, decoder, text, one, (done, total) -> totals.add(done * 1000 + total))) {
            oneByOne.run();
            for (String input : atOnce.hessians()) {
                float[] hessian = atOnce.hessian(input).toArray(ValueLayout.JAVA_FLOAT);
                requireMean(hessian, rows.get(input));
                assertThat(oneByOne.hessian(input).toArray(ValueLayout.JAVA_FLOAT)).isEqualTo(hessian);
            }
            assertThat(totals).hasSize(30 * 9).last().isEqualTo(270_270L);
            assertThatThrownBy(() -> atOnce.hessian("x")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("x");
        }
    }

    private static void requireMean(float[] hessian, List<float[]> rows) {
        int k = rows.getFirst().length;
        assertThat(hessian).hasSize(k * k);
        for (int i = 0; i < k; i++) {
            for (int j = 0; j < k; j++) {
                double sum = 0;
                double magnitude = 0;
                for (float[] row : rows) {
                    sum += (double) row[i] * row[j];
                    magnitude += Math.abs((double) row[i] * row[j]);
                }
                double bound = (Math.min(rows.size(), HessianSum.PARTIAL_ROWS) + 1) * 0x1p-24 * magnitude / rows.size();
                assertThat((double) hessian[i * k + j]).isCloseTo(sum / rows.size(), within(bound));
                assertThat(hessian[i * k + j]).isEqualTo(hessian[j * k + i]);
            }
        }
    }

    /** More rows than are summed in fp32, in calls that end anywhere. */
    @ParameterizedTest
    @ValueSource(ints = {1, 777, 4096, 9001})
    void longSumsStayWithinTheirBound(int step) {
        int k = 3;
        float[] values = new float[9001 * k];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() + i % k;
        }
        Tensor x = Tensor.of(pool, values, 9001, k);
        HessianSum sum = new HessianSum(backend, pool, k);
        for (int from = 0; from < 9001; from += step) {
            sum.add(x.slice(from, Math.min(9001, from + step)));
        }
        List<float[]> rows = new ArrayList<>();
        for (int r = 0; r < 9001; r++) {
            rows.add(Arrays.copyOfRange(values, r * k, r * k + k));
        }
        requireMean(sum.finish().toArray(ValueLayout.JAVA_FLOAT), rows);
    }

    /** The gradient of one sequence's summed loss, of all weights. */
    private Map<String, float[]> gradients(int[] ids, int[] targets) {
        Tape tape = Tape.recording(backend, workspace);
        decoder.clearGradients();
        Tensor logits = decoder.forward(tape, Tensor.of(workspace, ids, ids.length), 1, ids.length);
        tape.backward(tape.apply(new CrossEntropy(1), logits, Tensor.of(workspace, targets, targets.length)));
        tape.reset();
        Map<String, float[]> gradients = new LinkedHashMap<>();
        for (Parameter parameter : decoder.parameters()) {
            gradients.put(parameter.name(), parameter.gradient().toArray());
        }
        decoder.clearGradients();
        return gradients;
    }

    @Test
    void empiricalFisherIsTheMeanOfSquaredGradientsOfSingleSequences() {
        List<int[]> text = text(12);
        Map<String, double[]> squares = new LinkedHashMap<>();
        Map<String, double[]> batch = new LinkedHashMap<>();
        for (int[] ids : text) {
            gradients(ids, Labels.next(ids)).forEach((name, gradient) -> {
                double[] sum = squares.computeIfAbsent(name, key -> new double[gradient.length]);
                double[] mean = batch.computeIfAbsent(name, key -> new double[gradient.length]);
                for (int i = 0; i < gradient.length; i++) {
                    sum[i] += (double) gradient[i] * gradient[i] / text.size();
                    mean[i] += gradient[i] / (double) text.size();
                }
            });
        }
        try (Calibrator calibrator = run(text, config(FisherLabels.TRUE, false))) {
            List<Linear> linears = decoder.linears();
            assertThat(calibrator.fisher().keySet())
                    .containsAll(linears.stream().map(linear -> linear.weight().name()).toList()).contains("output.weight");
            for (Linear linear : linears) {
                FisherInformation fisher = calibrator.fisher().get(linear.weight().name());
                double[] expected = squares.get(linear.weight().name());
                int k = fisher.columns().length;
                double ofBatch = 0;
                for (int r = 0; r < fisher.rows().length; r++) {
                    double row = Arrays.stream(expected, r * k, r * k + k).sum();
                    assertThat(fisher.rows()[r]).isCloseTo(row, within(1e-12 * row));
                }
                for (int c = 0; c < k; c++) {
                    double column = 0;
                    for (int r = 0; r < fisher.rows().length; r++) {
                        column += expected[r * k + c];
                        ofBatch += Math.pow(batch.get(linear.weight().name())[r * k + c], 2);
                    }
                    assertThat(fisher.columns()[c]).isCloseTo(column, within(1e-12 * column));
                }
                // The squared gradient of the batch misses most of it: sequences pull in different directions.
                assertThat(ofBatch).isLessThan(0.7 * Arrays.stream(expected).sum());
            }
        }
        for (Parameter parameter : decoder.parameters()) {
            assertThat(parameter.gradient().toArray()).containsOnly(0);
        }
    }

    /** For a single position the expectation over labels is a sum over the vocabulary. */
    @Test
    void sampledLabelsGiveTheFisherInformationProper() {
        int[] ids = {4};
        Tape tape = Tape.evaluating(backend, workspace);
        float[] logits = decoder.forward(tape, Tensor.of(workspace, ids, 1), 1, 1).toArray();
        tape.reset();
        double normalizer = toDoubles(logits).map(Math::exp).sum();
        Map<String, Double> exact = new LinkedHashMap<>();
        for (int label = 0; label < MODEL.vocab(); label++) {
            double p = Math.exp(logits[label]) / normalizer;
            gradients(ids, new int[]{label}).forEach((name, gradient) -> exact.merge(name,
                    p * toDoubles(gradient).map(g -> g * g).sum(), Double::sum));
        }
        List<int[]> text = new ArrayList<>();
        for (int i = 0; i < 3000; i++) {
            text.add(ids);
        }
        try (Calibrator calibrator = run(text, config(FisherLabels.SAMPLED, false))) {
            calibrator.fisher().forEach((name, fisher) -> {
                // The only key gets all attention: no gradient reaches queries and keys.
                double sum = Arrays.stream(fisher.rows()).sum();
                assertThat(sum).as(name).isCloseTo(exact.get(name), within(0.1 * exact.get(name) + 1e-9));
            });
            assertThat(exact.get("blk.1.ffn_down.weight")).isGreaterThan(1e-3);
        }
    }

    @Test
    void labelsAreTheNextTokensOrDrawnFromThePrediction() {
        assertThat(Labels.next(new int[]{3, 1, 2})).containsExactly(1, 2, -1);
        float[] logits = new float[3 * 4000];
        for (int r = 0; r < 4000; r++) {
            logits[3 * r] = (float) Math.log(0.5) + 90;
            logits[3 * r + 1] = Float.NEGATIVE_INFINITY;
            logits[3 * r + 2] = (float) Math.log(0.25) + 90;
        }
        int[] drawn = Labels.sampled(Tensor.of(pool, logits, 4000, 3), 1);
        assertThat(Arrays.stream(drawn).filter(label -> label == 0).count()).isBetween(2500L, 2830L);
        assertThat(drawn).doesNotContain(1);
        assertThat(Labels.sampled(Tensor.of(pool, logits, 4000, 3), 1)).isEqualTo(drawn);
        assertThat(Labels.sampled(Tensor.of(pool, logits, 4000, 3), 2)).isNotEqualTo(drawn);
    }

    /** Sequences pass one at a time: ten times as many take no more memory. */
    @Test
    void memoryDoesNotGrowWithTheText() {
        List<int[]> few = text(10);
        List<int[]> many = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            many.addAll(few);
        }
        try (Calibrator small = run(few, config(FisherLabels.TRUE, true)); Calibrator large = run(many, config(FisherLabels.TRUE, true))) {
            assertThat(large.peakBytes()).isEqualTo(small.peakBytes()).isPositive();
        }
    }

    @Test
    void theNumberOfThreadsChangesNoBit() {
        List<int[]> text = text(6);
        List<Object> outcomes = new ArrayList<>();
        for (int threads : new int[]{1, 2}) {
            try (Backend cpu = NativeBackend.create(BackendOptions.defaults().withThreads(threads));
                    MemoryPool memory = MemoryPool.builder(cpu).slabBytes(1 << 20).build();
                    Calibrator calibrator = new Calibrator(cpu, decoder(memory), text, config(FisherLabels.SAMPLED, true), (d, t) -> {
                    })) {
                calibrator.run();
                List<Object> figures = new ArrayList<>();
                calibrator.inputs().forEach(input -> figures.addAll(List.of(floats(input.min()), input.tokens(),
                        Arrays.hashCode(input.variance()), Arrays.hashCode(input.histogram().counts()))));
                calibrator.fisher().forEach((name, fisher) -> figures.add(Arrays.hashCode(fisher.rows())));
                calibrator.hessians().forEach(name -> figures.add(floats(calibrator.hessian(name).toArray(ValueLayout.JAVA_FLOAT))));
                outcomes.add(figures);
            } catch (NativeLibraryException e) {
                throw new TestAbortedException("no native library", e);
            }
        }
        assertThat(outcomes.getFirst()).isEqualTo(outcomes.getLast());
    }

    private static List<Float> floats(float[] values) {
        List<Float> list = new ArrayList<>();
        for (float value : values) {
            list.add(value);
        }
        return list;
    }

    @Test
    void badSequencesAndDamagedModelsAreRefused() {
        CalibrationConfig config = config(FisherLabels.NONE, false);
        assertThatThrownBy(() -> run(List.of(), config)).hasMessageContaining("sequences");
        assertThatThrownBy(() -> run(List.of(new int[33]), config)).hasMessageContaining("33 tokens");
        assertThatThrownBy(() -> run(List.of(new int[]{11}), config)).hasMessageContaining("token 11");
        float[] weights = decoder.parameter("blk.0.ffn_up.weight").value().toArray();
        weights[3] = Float.NaN;
        decoder.parameter("blk.0.ffn_up.weight").load(weights);
        assertThatThrownBy(() -> run(text(3), config)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("blk.0.ffn_down.weight");
    }
}
