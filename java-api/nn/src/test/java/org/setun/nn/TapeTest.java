package org.setun.nn;

import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.setun.nn.function.Add;
import org.setun.nn.function.CrossEntropy;
import org.setun.nn.function.LinearFunction;
import org.setun.nn.function.Relu;
import org.setun.nn.function.RmsNormFunction;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class TapeTest extends NetTest {

    private static final LinearFunction LINEAR = new LinearFunction(List.of(LinearFunction.Weight.PLAIN), null, false, false);

    private float[] gradient(Tape tape, Tensor watched) {
        return Objects.requireNonNull(tape.gradient(watched)).toArray();
    }

    @Test
    void gradientsOfAllUsesAddUp() {
        Tape tape = Tape.recording(backend, workspace);
        Tensor x = Tensor.of(pool, new float[]{1, -2, 3}, 1, 3);
        tape.watch(x);
        Tensor twice = tape.apply(new Add(), x, x);
        Tensor thrice = tape.apply(new Add(), twice, x);
        Tensor relu = tape.apply(new Relu(), x);
        Tensor y = tape.apply(new Add(), thrice, relu);
        tape.backward(y, Tensor.of(pool, new float[]{1, 10, 100}, 1, 3));
        assertThat(gradient(tape, x)).containsExactly(4, 30, 400);
    }

    /** A gradient that passes unchanged to two tensors must not be changed for one by what is added to the other. */
    @Test
    void sharedGradientsStayApart() {
        Tape tape = Tape.recording(backend, workspace);
        Tensor a = normal(2, 3);
        Tensor b = normal(2, 3);
        tape.watch(a);
        tape.watch(b);
        Tensor early = tape.apply(new Add(), a, b);
        Tensor late = tape.apply(new Add(), a, b);
        Tensor y = tape.apply(new Add(), tape.apply(new Add(), early, late), a);
        Tensor ones = Tensor.of(pool, new float[]{1, 1, 1, 1, 1, 1}, 2, 3);
        tape.backward(y, ones);
        assertThat(gradient(tape, a)).containsOnly(3);
        assertThat(gradient(tape, b)).containsOnly(2);
        assertThat(ones.toArray()).containsOnly(1);
    }

    /** A view does not keep its memory from being lent again, so the tape must not hold on to it. */
    @Test
    void aGradientThatIsAViewOutlivesWhatItIsAViewOf() {
        Function flatten = new Function() {
            @Override
            public Tensor[] forward(FunctionContext context, Tensor... inputs) {
                return new Tensor[]{inputs[0].reshape(1, inputs[0].size())};
            }

            @Override
            public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
                Shape shape = context.input(0).shape();
                return new Tensor[]{Objects.requireNonNull(outputGradients[0]).reshape(shape.rows(), shape.columns())};
            }
        };
        Tape tape = Tape.recording(backend, workspace);
        Tensor a = Tensor.of(pool, new float[]{1, 1, 1, 1, 1, 1}, 1, 6);
        Tensor b = Tensor.of(pool, new float[]{1, 1, 1, 1, 1, 1}, 2, 3);
        tape.watch(a);
        tape.watch(b);
        Tensor other = tape.apply(new Relu(), a);
        Tensor flat = tape.apply(new Relu(), tape.apply(flatten, b));
        tape.backward(List.of(flat, other), List.of(Tensor.of(pool, new float[]{1, 2, 3, 4, 5, 6}, 1, 6),
                Tensor.of(pool, new float[]{9, 9, 9, 9, 9, 9}, 1, 6)));
        assertThat(gradient(tape, a)).containsOnly(9);
        assertThat(gradient(tape, b)).containsExactly(1, 2, 3, 4, 5, 6);
    }

    @Test
    void aResidualAroundANormAddsUp() {
        Tape tape = Tape.recording(backend, workspace);
        Tensor x = normal(3, 4);
        Tensor w = normal(4);
        tape.watch(x);
        Tensor y = tape.apply(new Add(), x, tape.apply(new RmsNormFunction(1e-3f), x, w));
        Tensor dy = normal(3, 4);
        tape.backward(y, dy);
        float[] whole = gradient(tape, x);
        tape.reset();
        tape.watch(x);
        tape.backward(tape.apply(new RmsNormFunction(1e-3f), x, w), dy);
        float[] norm = gradient(tape, x);
        float[] direct = dy.toArray();
        for (int i = 0; i < whole.length; i++) {
            assertThat(whole[i]).isCloseTo(direct[i] + norm[i], org.assertj.core.data.Offset.offset(1e-6f));
        }
    }

    @Test
    void watchedIntermediatesKeepTheirGradient() {
        Tape tape = Tape.recording(backend, workspace);
        Tensor x = normal(2, 3);
        tape.watch(x);
        Tensor middle = tape.apply(new Relu(), x);
        tape.watch(middle);
        Tensor y = tape.apply(new Relu(), middle);
        Tensor dy = normal(2, 3);
        tape.backward(y, dy);
        float[] expected = dy.toArray();
        float[] values = x.toArray();
        for (int i = 0; i < expected.length; i++) {
            expected[i] = values[i] > 0 ? expected[i] : 0;
        }
        assertThat(gradient(tape, middle)).containsExactly(expected);
        assertThat(gradient(tape, x)).containsExactly(expected);
    }

    @Test
    void parameterGradientsAddUpOverPassesUntilCleared() {
        Parameter weight = new Initializer(pool, 3).normal("w", 1, 2, 3);
        Tensor x = normal(4, 3);
        Tensor dy = normal(4, 2);
        Tape tape = Tape.recording(backend, workspace);
        tape.backward(tape.apply(LINEAR, x, weight.value()), dy);
        tape.reset();
        float[] once = weight.gradient().toArray();
        tape.backward(tape.apply(LINEAR, x, weight.value()), dy);
        tape.reset();
        float[] twice = weight.gradient().toArray();
        for (int i = 0; i < once.length; i++) {
            assertThat(twice[i]).isEqualTo(2 * once[i]);
        }
        weight.clearGradient();
        assertThat(weight.gradient().toArray()).containsOnly(0);
        tape.backward(tape.apply(LINEAR, x, weight.value()), dy);
        assertThat(weight.gradient().toArray()).containsExactly(once);
    }

    @Test
    void whatNobodyAsksForIsNotRecorded() {
        Tape tape = Tape.recording(backend, workspace);
        Tensor y = tape.apply(new Relu(), normal(2, 3));
        assertThatThrownBy(() -> tape.backward(y, normal(2, 3))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("depends on no parameter");
        Tape evaluating = Tape.evaluating(backend, workspace);
        Parameter weight = new Initializer(pool, 3).normal("w", 1, 2, 3);
        Tensor z = evaluating.apply(LINEAR, normal(2, 3), weight.value());
        assertThatThrownBy(() -> evaluating.backward(z, normal(2, 2))).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void resetEndsTheTensorsOfTheStep() {
        Tape tape = Tape.recording(backend, workspace);
        Tensor x = normal(2, 3);
        tape.watch(x);
        Tensor y = tape.apply(new Relu(), x);
        tape.reset();
        assertThat(y.isAlive()).isFalse();
        assertThatThrownBy(y::toArray).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> tape.apply(new Relu(), y)).isInstanceOf(IllegalStateException.class);
        assertThat(x.isAlive()).isTrue();
    }

    @Test
    void aRepeatedStepTakesNoMoreMemory() {
        Parameter weight = new Initializer(pool, 3).normal("w", 1, 5, 3);
        Tape tape = Tape.recording(backend, workspace);
        Tensor x = normal(4, 3);
        long peak = 0;
        for (int step = 0; step < 5; step++) {
            Tensor logits = tape.apply(LINEAR, x, weight.value());
            tape.backward(tape.apply(new CrossEntropy(0.25f), logits, ints(0, 1, 2, 4)));
            tape.reset();
            assertThat(workspace.statistics().inUse()).isZero();
            peak = peak == 0 ? workspace.statistics().peak() : peak;
        }
        assertThat(workspace.statistics().peak()).isEqualTo(peak);
    }

    @Test
    void aScaledLossScalesTheGradient() {
        Parameter weight = new Initializer(pool, 3).normal("w", 1, 5, 3);
        Tape tape = Tape.recording(backend, workspace);
        Tensor x = normal(4, 3);
        Tensor loss = tape.apply(new CrossEntropy(0.25f), tape.apply(LINEAR, x, weight.value()), ints(0, 1, 2, 4));
        tape.backward(loss);
        float[] plain = weight.gradient().toArray();
        weight.clearGradient();
        tape.reset();
        loss = tape.apply(new CrossEntropy(0.25f), tape.apply(LINEAR, x, weight.value()), ints(0, 1, 2, 4));
        tape.backward(loss, Tensor.of(pool, new float[]{4}, 1));
        float[] scaled = weight.gradient().toArray();
        for (int i = 0; i < plain.length; i++) {
            assertThat(scaled[i]).isEqualTo(4 * plain[i]);
        }
    }

    @Test
    void functionsThatBreakTheContractAreNamed() {
        Function same = new Function() {
            @Override
            public Tensor[] forward(FunctionContext context, Tensor... inputs) {
                return inputs;
            }

            @Override
            public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
                return outputGradients;
            }

            @Override
            public String name() {
                return "Same";
            }
        };
        Tape tape = Tape.recording(backend, workspace);
        assertThatThrownBy(() -> tape.apply(same, normal(1, 1))).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("Same returned its input");
    }
}
