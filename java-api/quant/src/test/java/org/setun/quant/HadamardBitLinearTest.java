package org.setun.quant;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.Workspace;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.nn.function.Hadamard;
import org.setun.nn.function.LinearFunction;
import org.setun.quant.activation.HadamardRows;

import static org.assertj.core.api.Assertions.assertThat;

/** H-BitLinear: the rotation inside the activation quantizer is the rotation as a function before the layer. */
class HadamardBitLinearTest extends QuantTest {

    private record Pass(float[] y, float[] dx, float[] dw) {
    }

    private Pass pass(ActivationQuantizer quantizer, boolean rotateBefore, Tensor x, Tensor w, Tensor dy, boolean twice) {
        Tape tape = Tape.recording(backend, workspace);
        tape.watch(x);
        tape.watch(w);
        Tensor input = rotateBefore ? tape.apply(new Hadamard(null, false), x) : x;
        LinearFunction linear = new LinearFunction(List.of(LinearFunction.Weight.PLAIN), quantizer, false, false);
        Tensor y = tape.apply(linear, input, w);
        if (twice) {
            y = tape.apply(new org.setun.nn.function.Add(), y, tape.apply(linear, input, w)); // the second gradient adds to the first
        }
        float[] outputs = y.toArray();
        tape.backward(y, dy);
        return new Pass(outputs, Objects.requireNonNull(tape.gradient(x)).toArray(), Objects.requireNonNull(tape.gradient(w)).toArray());
    }

    @ParameterizedTest
    @ValueSource(ints = {64, 40, 44, 24})
    void theQuantizerRotatesForwardsAndTakesTheGradientBack(int d) {
        Tensor x = normal(1, 5, d);
        Tensor w = normal(1, 7, d);
        Tensor dy = normal(1, 5, 7);
        Pass inside = pass(new HadamardRows(new Int8Absmax()), false, x, w, dy, false);
        Pass before = pass(new Int8Absmax(), true, x, w, dy, false);
        assertThat(inside.y).containsExactly(before.y);
        assertThat(inside.dx).containsExactly(before.dx);
        assertThat(inside.dw).containsExactly(before.dw);
        assertThat(inside.dx).isNotEqualTo(pass(new Int8Absmax(), false, x, w, dy, false).dx);
    }

    @Test
    void gradientsOfTwoUsesAddUp() {
        Tensor x = normal(1, 3, 32);
        Tensor w = normal(1, 4, 32);
        Tensor dy = normal(1, 3, 4);
        float[] once = pass(new HadamardRows(new Int8Absmax()), false, x, w, dy, false).dx;
        float[] twice = pass(new HadamardRows(new Int8Absmax()), false, x, w, dy, true).dx;
        for (int i = 0; i < once.length; i++) {
            assertThat(twice[i]).isEqualTo(2 * once[i]);
        }
    }

    @Test
    void outliersCostLessAfterTheRotation() {
        int d = 1024;
        float[] values = normal(1, 1, d).toArray();
        values[17] = 60;
        Tensor x = Tensor.of(pool, values, 1, d);
        assertThat(squaredError(new HadamardRows(new Int8Absmax()), true, x)).isLessThan(squaredError(new Int8Absmax(), false, x) / 20);
    }

    private double squaredError(ActivationQuantizer quantizer, boolean rotated, Tensor x) {
        try (Workspace room = new Workspace(pool, 1 << 20)) {
            Tape tape = Tape.evaluating(backend, room);
            float[] exact = (rotated ? tape.apply(new Hadamard(null, false), x) : x).toArray();
            float[] rounded = tape.apply(new FakeQuantRows(quantizer, true), x).toArray();
            double sum = 0;
            for (int i = 0; i < exact.length; i++) {
                sum += Math.pow((double) exact[i] - rounded[i], 2);
            }
            return sum;
        }
    }
}
