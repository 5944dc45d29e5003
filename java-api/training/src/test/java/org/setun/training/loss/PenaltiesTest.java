package org.setun.training.loss;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.nn.BitLinear;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.GradCheck;
import org.setun.nn.Mlp;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.quant.Int8Absmax;
import org.setun.quant.TernaryAbsmean;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.loss.LossTerms.Settings;
import org.setun.training.loss.LossTerms.Subject;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

/** Terms by name, and the penalties against finite differences and numbers by hand. */
class PenaltiesTest {

    private final Backend backend = Backends.open();
    private final MemoryPool pool = new MemoryPool(backend);
    private final Workspace workspace = new Workspace(backend);
    private final Random random = new Random(5);

    @AfterEach
    void close() {
        workspace.close();
        pool.close();
        backend.close();
    }

    private Tensor tensor(int rows, int columns, float... values) {
        return Tensor.of(pool, values, rows, columns);
    }

    /** At least 1/8 away from 0, where the penalties of magnitudes have a kink. */
    private Tensor normal(int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            double value = random.nextGaussian();
            values[i] = (float) (value + Math.signum(value) / 8);
        }
        return tensor(rows, columns, values);
    }

    private double value(Function function, Tensor... inputs) {
        Tape tape = Tape.evaluating(backend, workspace);
        double value = tape.apply(function, inputs).item();
        tape.reset();
        return value;
    }

    private void check(Function function, Tensor x) {
        GradCheck.Result result = GradCheck.run(backend, function, 1f / 32, x);
        assertThat(result.checked()).isPositive();
        result.requireWithin(2e-3);
    }

    /** A function of its first input alone. */
    private record Fixed(Function inner, Tensor constant) implements Function {

        @Override
        public Tensor[] forward(FunctionContext context, Tensor... inputs) {
            return inner.forward(context, inputs[0], constant);
        }

        @Override
        public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
            return Arrays.copyOf(inner.backward(context, outputGradients), 1);
        }
    }

    @Test
    void everyNameMakesATerm() {
        Mlp model = model();
        Settings settings = Settings.of(0.5f).quantized(backend, (BitLinear) model.linears().getFirst());
        assertThat(LossTerms.names()).hasSize(15).doesNotHaveDuplicates();
        for (String name : LossTerms.names()) {
            assertThat(LossTerms.create(name, settings)).as(name).isNotNull();
            assertThat(LossTerms.meaning(name)).isNotEmpty();
        }
        assertThat(LossTerms.subject("relation")).isEqualTo(Subject.TEACHER);
        assertThatIllegalArgumentException().isThrownBy(() -> LossTerms.create("sparcity", settings))
                .withMessageContaining("no loss term 'sparcity'").withMessageContaining("sparsity");
        assertThatIllegalArgumentException().isThrownBy(() -> LossTerms.subject(""));
    }

    @Test
    void sparsity() {
        assertThat(value(new SparsityPenalty(0.5f), tensor(1, 3, -2, 0, 3))).isEqualTo(2.5);
        check(new SparsityPenalty(0.5f), normal(4, 9));
    }

    @Test
    void bitWidth() {
        float[] steps = {1, 2};
        assertThat(value(new BitWidthPenalty(1, steps), tensor(2, 2, 0, -3, 2, 14))).as("0 + 2 + 1 + 3 bits").isCloseTo(6, within(1e-9));
        check(new BitWidthPenalty(0.5f, steps), normal(4, 9));
    }

    @Test
    void dampening() {
        Tensor q = tensor(2, 3, -1, 0, 1, -2, 0, 2);
        Tensor w = tensor(2, 3, -1.4f, 0.3f, 0.6f, -1.5f, -0.5f, 9);
        assertThat(value(new DampeningPenalty(2, 1), w, q)).as("beyond the outermost levels nothing pulls")
                .isCloseTo(0.09 + 0.16 + 0.25 + 0.25, within(1e-6));
        check(new Fixed(new DampeningPenalty(2, 0.5f), q), w);
        Tape tape = Tape.recording(backend, workspace);
        tape.watch(w);
        tape.backward(tape.apply(new DampeningPenalty(2, 0.5f), w, q));
        assertThat(tape.gradient(w).toArray()).containsExactly(new float[]{0, 0.3f, -0.4f, 0.5f, -0.5f, 0}, within(1e-6f));
        tape.reset();
    }

    @Test
    void smoothness() {
        Tensor x = tensor(4, 2, 1, 1, 2, 3, 0, 0, 5, 0);
        assertThat(value(new SmoothnessPenalty(2, 0.5f), x)).as("sequences are not compared").isEqualTo(0.5 * (1 + 4 + 25));
        check(new SmoothnessPenalty(3, 0.5f), normal(6, 5));
        check(new SmoothnessPenalty(1, 0.5f), normal(2, 2));
        assertThatIllegalArgumentException().isThrownBy(() -> value(new SmoothnessPenalty(3, 1), x))
                .withMessageContaining("t = 3 must divide");
    }

    private Mlp model() {
        return new Mlp(List.of(5L, 7L, 3L), false, new Quantization(new TernaryAbsmean(), new Int8Absmax()), pool, 3);
    }

    private TrainingConfig.Loss settings(String... keys) {
        return ConfigReader.override(TrainingConfig.defaults(), List.of(keys)).loss();
    }

    private List<LossTerm> run(WeightPenalties penalties, long step) {
        List<LossTerm> all = new ArrayList<>();
        Tape tape = Tape.recording(backend, workspace);
        penalties.run(tape, step, term -> {
            all.add(term);
            tape.backward(term.values().getFirst());
        });
        return all;
    }

    private static double sum(List<LossTerm> terms, String name) {
        return terms.stream().filter(term -> term.name().equals(name)).mapToDouble(LossTerm::sum).sum();
    }

    @Test
    void penaltiesAreMeansOverAllWeights() {
        Mlp model = model();
        float[] weights = new float[56];
        System.arraycopy(model.linears().get(0).weight().value().toArray(), 0, weights, 0, 35);
        System.arraycopy(model.linears().get(1).weight().value().toArray(), 0, weights, 35, 21);
        double magnitude = 0;
        double error = 0;
        for (int layer = 0; layer < 2; layer++) {
            float[] w = layer == 0 ? Arrays.copyOf(weights, 35) : Arrays.copyOfRange(weights, 35, 56);
            double scale = 0;
            for (float value : w) {
                scale += Math.abs(value) / w.length;
            }
            for (float value : w) {
                magnitude += Math.abs(value);
                double q = scale * Math.clamp(Math.rint(value / scale), -1, 1);
                error += (value - q) * (value - q);
            }
        }
        List<LossTerm> terms = run(new WeightPenalties(settings("loss.sparsity=0.5", "loss.quantization=2", "loss.bit_width=1",
                "loss.uncertainty=1", "loss.dampening=3", "loss.anneal_dampening=false"), model, 100), 1);
        assertThat(sum(terms, "sparsity")).isCloseTo(0.5 * magnitude / 56, within(1e-6));
        assertThat(sum(terms, "quantization")).isCloseTo(2 * error / 56, within(1e-6));
        assertThat(sum(terms, "dampening")).isPositive().isLessThan(3 * error / 56);
        assertThat(sum(terms, "bit_width")).isBetween(0.5, 2.0);
        assertThat(sum(terms, "uncertainty")).isBetween(0.0, 1.0);
        assertThat(model.linears().get(1).weight().gradient().toArray()).as("weights learn from them").isNotEqualTo(new float[21]);
        assertThat(run(new WeightPenalties(settings(), model, 100), 1)).as("weights of 0 cost nothing").isEmpty();
    }

    @Test
    void dampeningGrowsAlongHalfACosine() {
        WeightPenalties penalties = new WeightPenalties(settings("loss.dampening=1"), model(), 100);
        double last = sum(run(penalties, 101), "dampening");
        assertThat(run(penalties, 1)).isEmpty();
        assertThat(sum(run(penalties, 51), "dampening")).isCloseTo(last / 2, within(1e-6 * last));
        assertThat(sum(run(penalties, 1001), "dampening")).isEqualTo(last);
    }

    @Test
    void modelsOfFullPrecisionHaveNoPenaltyOfQuantization() {
        Mlp plain = new Mlp(List.of(5L, 3L), false, Quantization.NONE, pool, 3);
        List<LossTerm> terms = run(
                new WeightPenalties(settings("loss.sparsity=1", "loss.quantization=1", "loss.dampening=1"), plain, 10),
                11);
        assertThat(terms).extracting(LossTerm::name).containsExactly("sparsity");
    }
}
