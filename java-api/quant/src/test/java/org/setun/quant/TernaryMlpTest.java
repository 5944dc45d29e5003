package org.setun.quant;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.Allocator;
import org.setun.nn.BitLinear;
import org.setun.nn.Mlp;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class TernaryMlpTest extends QuantTest {

    private static final int SIDE = 16;
    private static final int CLASSES = 4;

    private Mlp mlp(Quantization quantization, boolean bias) {
        return new Mlp(List.of((long) SIDE, 32L, 32L, (long) CLASSES), bias, quantization, pool, 5);
    }

    /** Points around one centre per class. */
    private Tensor[] batch(int n) {
        float[] x = new float[n * SIDE];
        int[] labels = new int[n];
        for (int i = 0; i < n; i++) {
            labels[i] = random.nextInt(CLASSES);
            for (int j = 0; j < SIDE; j++) {
                x[i * SIDE + j] = (float) (Math.sin(1 + labels[i] * 3 + j * (labels[i] + 1)) + 0.7 * random.nextGaussian());
            }
        }
        return new Tensor[]{Tensor.of(workspace, x, n, SIDE), Tensor.of(workspace, labels, n)};
    }

    private double accuracy(Mlp mlp, Tensor[] batch) {
        float[] logits = mlp.forward(Tape.evaluating(backend, workspace), batch[0]).toArray();
        int[] labels = batch[1].toIntArray();
        int right = 0;
        for (int i = 0; i < labels.length; i++) {
            int best = 0;
            for (int c = 1; c < CLASSES; c++) {
                best = logits[i * CLASSES + c] > logits[i * CLASSES + best] ? c : best;
            }
            right += best == labels[i] ? 1 : 0;
        }
        return (double) right / labels.length;
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void learnsToSeparateClasses(boolean ternary) {
        Mlp mlp = mlp(ternary ? TERNARY : Quantization.NONE, true);
        assertThat(mlp.linears()).allMatch(linear -> linear instanceof BitLinear == ternary);
        Tape tape = Tape.recording(backend, workspace);
        for (int step = 1; step <= 120; step++) {
            Tensor[] batch = batch(32);
            tape.backward(mlp.loss(tape, batch[0], batch[1], 32));
            tape.reset();
            adamW(mlp, step, 5e-3f);
        }
        assertThat(accuracy(mlp, batch(400))).isGreaterThan(0.93);
    }

    @Test
    void theInputGetsNoGradient() {
        Mlp mlp = mlp(TERNARY, false);
        Tape tape = Tape.recording(backend, workspace);
        Tensor[] batch = batch(4);
        tape.backward(mlp.loss(tape, batch[0], batch[1], 4));
        assertThat(tape.gradient(batch[0])).isNull();
        assertThat(mlp.parameters().stream().map(Parameter::name)).containsExactly("layers.0.weight", "layers.1.norm.weight",
                "layers.1.weight",
                "layers.2.norm.weight", "layers.2.weight");
        for (Parameter parameter : mlp.parameters()) {
            assertThat(parameter.gradient().toArray()).as(parameter.name()).isNotEqualTo(new float[(int) parameter.shape().size()]);
        }
    }

    @Test
    void wrongSizesAreNamed() {
        Allocator allocator = pool;
        assertThatThrownBy(() -> new Mlp(List.of(3L), false, TERNARY, allocator, 1)).hasMessageContaining("sizes = [3]");
        assertThatThrownBy(() -> mlp(TERNARY, false).forward(Tape.evaluating(backend, workspace), normal(1, 2, SIDE + 1)))
                .hasMessageContaining("weight 0 is F32[32, 16], must be F32[any, 17]");
    }
}
