package org.setun.nn;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.NnOps.Divergence;
import org.setun.nn.function.CrossEntropy;
import org.setun.nn.function.Distillation;
import org.setun.nn.function.LogitGradientPenalty;
import org.setun.nn.function.RelationDistillation;
import org.setun.nn.function.SquaredError;
import org.setun.nn.function.TopKDistillation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** Every loss against finite differences and numbers by hand. */
class LossGradientsTest extends NetTest {

    private static final float H = 1f / 32;

    @Override
    Backend openBackend() {
        return Backends.open();
    }

    /** A function of its first input alone. */
    private record Fixed(Function inner, Tensor... constants) implements Function {

        @Override
        public Tensor[] forward(FunctionContext context, Tensor... inputs) {
            Tensor[] all = Arrays.copyOf(inputs, 1 + constants.length);
            System.arraycopy(constants, 0, all, 1, constants.length);
            return inner.forward(context, all);
        }

        @Override
        public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
            return Arrays.copyOf(inner.backward(context, outputGradients), 1);
        }
    }

    private void check(Function function, Tensor x, Tensor... constants) {
        GradCheck.Result result = GradCheck.run(backend, new Fixed(function, constants), H, x);
        assertThat(result.checked()).isPositive();
        result.requireWithinOfLargest(2e-3); // the loss is a sum of fp32 numbers, whose rounding the smallest gradients do not stand out of
    }

    private double value(Function function, Tensor... inputs) {
        Tape tape = Tape.evaluating(backend, workspace);
        double value = tape.apply(function, inputs).item();
        tape.reset();
        return value;
    }

    private float[] gradient(Function function, Tensor... inputs) {
        Tape tape = Tape.recording(backend, workspace);
        tape.watch(inputs[0]);
        tape.backward(tape.apply(function, inputs));
        float[] gradient = tape.gradient(inputs[0]).toArray();
        tape.reset();
        return gradient;
    }

    @Test
    void smoothedCrossEntropy() {
        check(new CrossEntropy(0.25f, 0.3f), normal(4, 7), ints(6, 0, -1, 2));
        Tensor even = Tensor.of(pool, new float[8], 2, 4);
        assertThat(value(new CrossEntropy(0.5f, 0.3f), even, ints(1, 3))).as("even logits: ln 4 with any smoothing")
                .isCloseTo(Math.log(4), within(1e-6));
        Tensor logits = normal(6, 50);
        Tensor targets = randomInts(6, 50);
        assertThat(gradient(new CrossEntropy(0.5f, 0), logits, targets)).containsExactly(gradient(new CrossEntropy(0.5f), logits, targets));
    }

    @ParameterizedTest
    @EnumSource
    void distillation(Divergence divergence) {
        for (float temperature : new float[]{0.7f, 1, 4}) {
            check(new Distillation(divergence, temperature, 0.5f), normal(4, 9), normal(4, 9));
            check(new Distillation(divergence, temperature, 0.5f), normal(3, 40), normal(3, 40),
                    Tensor.of(pool, new float[]{1, 0, 0.25f}, 3));
        }
        Tensor same = normal(3, 33);
        assertThat(value(new Distillation(divergence, 4, 1), same, same)).as("identical logits").isZero();
        assertThat(gradient(new Distillation(divergence, 4, 1), same, same)).containsOnly(0);
    }

    /** T (p_S - p_T), by hand: the teacher's (1/4, 3/4) and the student's (1/2, 1/2). */
    @Test
    void theGradientIsTheTemperatureTimesTheDifference() {
        Tensor student = Tensor.of(pool, new float[]{3, 3}, 1, 2);
        Tensor teacher = Tensor.of(pool, new float[]{0, (float) (4 * Math.log(3))}, 1, 2);
        Distillation function = new Distillation(Divergence.FORWARD, 4, 1);
        assertThat(gradient(function, student, teacher)).containsExactly(new float[]{1, -1}, within(1e-5f));
        assertThat(value(function, student, teacher)).isCloseTo(16 * (0.25 * Math.log(0.5) + 0.75 * Math.log(1.5)), within(1e-4));
    }

    @Test
    void jensenAndShannonsDistanceIsBoundedAndSymmetric() {
        Tensor a = Tensor.of(pool, new float[]{200, 0, 0}, 1, 3);
        Tensor b = Tensor.of(pool, new float[]{0, 200, 0}, 1, 3);
        Distillation jensen = new Distillation(Divergence.JENSEN, 1, 1);
        assertThat(value(jensen, a, b)).isCloseTo(Math.log(2), within(1e-6));
        Tensor x = normal(5, 20);
        Tensor y = normal(5, 20);
        assertThat(value(jensen, x, y)).isPositive().isCloseTo(value(jensen, y, x), within(1e-5));
        assertThat(value(new Distillation(Divergence.FORWARD, 1, 1), x, y)).isCloseTo(
                value(new Distillation(Divergence.REVERSE, 1, 1), y, x),
                within(1e-5));
    }

    @Test
    void squaredError() {
        check(new SquaredError(0.1f), normal(7));
        GradCheck.run(backend, new SquaredError(0.1f), H, normal(3, 5), normal(3, 5)).requireWithin(2e-3);
        Tensor x = Tensor.of(pool, new float[]{1, 2}, 2);
        assertThat(value(new SquaredError(0.5f), x, Tensor.of(pool, new float[]{0, 4}, 2))).isEqualTo(2.5);
        assertThatThrownBy(() -> value(new SquaredError(1), x, normal(3))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("target is F32[3]");
    }

    @Test
    void logitGradientPenalty() {
        check(new LogitGradientPenalty(0.5f), normal(4, 6), ints(5, 0, -1, 2));
        Tensor even = Tensor.of(pool, new float[2], 1, 2);
        assertThat(value(new LogitGradientPenalty(1), even, ints(0))).as("(1/2 - 1)^2 + (1/2)^2").isCloseTo(0.5, within(1e-6));
    }

    @ParameterizedTest
    @CsvSource({"1, 4, 1, 3, 3", "2, 5, 2, 6, 6", "2, 7, 2, 8, 4"})
    void relationDistillation(int batch, int t, int heads, int width, int teacherWidth) {
        RelationDistillation function = new RelationDistillation(batch, t, heads, 3);
        check(function, normal(batch * t, width), normal(batch * t, teacherWidth));
        Tensor same = normal(batch * t, width);
        assertThat(value(function, same, same)).isZero();
    }

    /** Two positions of width 1: the student's at right angles have even relations, the teacher's scores are 1 and -1. */
    @Test
    void relationsByHand() {
        Tensor student = Tensor.of(pool, new float[]{0, 0}, 2, 1); // no direction: scores of 0
        Tensor teacher = Tensor.of(pool, new float[]{5, -2}, 2, 1);
        double p = 1 / (1 + Math.exp(-2));
        double expected = p * Math.log(2 * p) + (1 - p) * Math.log(2 * (1 - p));
        assertThat(value(new RelationDistillation(1, 2, 1, 1), student, teacher)).isCloseTo(2 * expected, within(1e-6));
        assertThatThrownBy(() -> value(new RelationDistillation(1, 2, 2, 1), student, teacher)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("heads = 2 must divide");
    }

    /** Three of seven classes known; p = softmax of the teacher's logits. */
    @Test
    void topKDistillation() {
        double[] p = {0.1, 0.05, 0.3, 0.02, 0.2, 0.03, 0.3};
        int[] ids = {2, 4, 6, 0, 2, 6};
        float[] logs = new float[6];
        float[] rest = {1, 1};
        for (int i = 0; i < 6; i++) {
            logs[i] = (float) Math.log(p[ids[i]]);
            rest[i / 3] -= (float) p[ids[i]];
        }
        Tensor[] constants = {Tensor.of(pool, ids, 2, 3), Tensor.of(pool, logs, 2, 3), Tensor.of(pool, rest, 2),
                Tensor.of(pool, new float[]{1, 0.5f}, 2)};
        Tensor x = normal(2, 7);
        check(new TopKDistillation(2, 0.5f), x, constants);
        float[] teacher = new float[14];
        for (int i = 0; i < 14; i++) {
            teacher[i] = (float) Math.log(p[i % 7]); // at temperature 1
        }
        Tensor full = Tensor.of(pool, teacher, 2, 7);
        double coarse = value(new TopKDistillation(1, 1), x, constants[0], constants[1], constants[2], constants[3]);
        assertThat(coarse).isPositive().isLessThan(value(new Distillation(Divergence.FORWARD, 1, 1), x, full, constants[3]));
        assertThat(value(new TopKDistillation(1, 1), full, constants[0], constants[1], constants[2], constants[3])).as("the teacher itself")
                .isCloseTo(0, within(1e-6));
    }

    /** With all classes known it is the forward KL. */
    @Test
    void allClassesKnownIsTheWholeDistance() {
        Tensor student = normal(1, 5);
        float[] z = normal(5).toArray();
        double sum = 0;
        for (float value : z) {
            sum += Math.exp(value / 3);
        }
        float[] logs = new float[5];
        for (int i = 0; i < 5; i++) {
            logs[i] = (float) (z[i] / 3 - Math.log(sum));
        }
        Tensor[] inputs = {student, Tensor.of(pool, new int[]{0, 1, 2, 3, 4}, 1, 5), Tensor.of(pool, logs, 1, 5),
                Tensor.of(pool, new float[1], 1), Tensor.of(pool, new float[]{1}, 1)};
        Tensor teacher = Tensor.of(pool, z, 1, 5);
        assertThat(value(new TopKDistillation(3, 1), inputs)).isCloseTo(value(new Distillation(Divergence.FORWARD, 3, 1), student, teacher),
                within(1e-5));
        assertThat(gradient(new TopKDistillation(3, 1), inputs)).containsExactly(
                gradient(new Distillation(Divergence.FORWARD, 3, 1), student, teacher), within(1e-5f));
    }
}
