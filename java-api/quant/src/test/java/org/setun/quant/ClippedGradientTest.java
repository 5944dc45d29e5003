package org.setun.quant;

import java.util.Objects;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.setun.nn.BitLinear;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class ClippedGradientTest extends QuantTest {

    @Test
    void theGradientIsZeroBeyondTheThresholdWhichIsInclusive() {
        float c = 1;
        float[] weights = {c, Math.nextUp(c), Math.nextDown(c), -c, Math.nextDown(-c), Math.nextUp(-c), 0, 5, -5, Float.NaN};
        Tensor w = Tensor.of(pool, weights, 1, weights.length);
        Tensor dy = normal(1, 1, weights.length);
        Tape tape = Tape.recording(backend, workspace);
        tape.watch(w);
        tape.backward(tape.apply(new FakeQuantWeight(new ClippedGradient(new TernaryAbsmean(), c), true), w), dy);
        float[] given = dy.toArray();
        float[] gradient = Objects.requireNonNull(tape.gradient(w)).toArray();
        assertThat(gradient).containsExactly(given[0], 0, given[2], given[3], 0, given[5], given[6], 0, 0, 0);
        assertThat(dy.toArray()).as("the output gradient is not changed").containsExactly(given);
    }

    @Test
    void layersUseItAndGradientsAddUp() {
        Tensor w = normal(1, 6, 10);
        var straight = parameter("straight", w);
        var clipped = parameter("clipped", w);
        Quantization quantization = new Quantization(new ClippedGradient(new TernaryAbsmean(), 1), TERNARY.activations());
        Tape tape = Tape.recording(backend, workspace);
        for (int pass = 0; pass < 2; pass++) {
            Tensor x = normal(1, 3, 10);
            Tensor dy = normal(1, 3, 6);
            tape.backward(new BitLinear(straight, null, TERNARY).forward(tape, x), dy);
            tape.reset();
            tape.backward(new BitLinear(clipped, null, quantization).forward(tape, x), dy);
            tape.reset();
        }
        float[] values = w.toArray();
        float[] all = straight.gradient().toArray();
        float[] some = clipped.gradient().toArray();
        int zeros = 0;
        for (int i = 0; i < values.length; i++) {
            assertThat(some[i]).isCloseTo(Math.abs(values[i]) > 1 ? 0 : all[i], Offset.offset(1e-6f));
            zeros += Math.abs(values[i]) > 1 ? 1 : 0;
        }
        assertThat(zeros).isBetween(1, values.length - 1);
        assertThatThrownBy(() -> new ClippedGradient(new TernaryAbsmean(), 0)).hasMessageContaining("threshold = 0.0");
    }
}
