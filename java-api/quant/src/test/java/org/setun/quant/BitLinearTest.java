package org.setun.quant;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.kernels.Backend;
import org.setun.nn.BitLinear;
import org.setun.nn.Linear;
import org.setun.nn.Parameter;
import org.setun.nn.Precision;
import org.setun.nn.Quantization;
import org.setun.nn.QuantizedRows;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class BitLinearTest extends QuantTest {

    private static final int N = 5;
    private static final int M = 7;
    private static final int K = 300;

    /** Row-major codes of a weight by the formula, and its scale at index {@code m*k}. */
    private static double[] ternary(float[] w) {
        double sum = 0;
        for (float value : w) {
            sum += Math.abs(value);
        }
        double[] result = new double[w.length + 1];
        float gamma = (float) Math.max(sum / w.length, 1e-5);
        for (int i = 0; i < w.length; i++) {
            result[i] = Math.clamp(Math.rint(w[i] * (1f / gamma)), -1, 1);
        }
        result[w.length] = gamma;
        return result;
    }

    @Test
    void forwardEqualsTheIntegerProductByHand() {
        Tensor x = normal(1, N, K);
        Parameter w = parameter("w", normal(0.02, M, K));
        BitLinear layer = new BitLinear(w, null, TERNARY);
        float[] y = layer.forward(Tape.evaluating(backend, workspace), x).toArray();
        TernaryWeight quantized = (TernaryWeight) layer.quantizedWeight(backend);
        byte[] codes = quantized.unpack(backend, workspace).toByteArray();
        float gamma = quantized.scales().toArray()[0];
        double[] byHand = ternary(w.value().toArray());
        assertThat((double) gamma).isCloseTo(byHand[M * K], org.assertj.core.data.Percentage.withPercentage(1e-4));
        float[] values = x.toArray();
        for (int t = 0; t < N; t++) {
            float largest = 1e-5f;
            for (int i = 0; i < K; i++) {
                largest = Math.max(largest, Math.abs(values[t * K + i]));
            }
            float scale = 127 / largest;
            for (int o = 0; o < M; o++) {
                int sum = 0;
                for (int i = 0; i < K; i++) {
                    assertThat(codes[o * K + i]).isBetween((byte) -1, (byte) 1);
                    sum += (int) Math.rint(values[t * K + i] * scale) * codes[o * K + i];
                }
                assertThat(y[t * M + o]).isEqualTo(sum * (gamma * (largest / 127)));
            }
        }
        for (int i = 0; i < M * K; i++) {
            assertThat((double) codes[i]).isEqualTo(byHand[i]);
        }
    }

    /** dx = dy * W~ and dW = dy^T * x~: the estimators are identities on the values that the codes stand for. */
    @ParameterizedTest
    @CsvSource({"true, true", "true, false", "false, true", "false, false"})
    void gradientsAreThoseOfAProductOfTheQuantizedValues(boolean weights, boolean activations) {
        Quantization quantization = new Quantization(weights ? new TernaryAbsmean() : null, activations ? new Int8Absmax() : null);
        Tensor x = normal(1, N, K);
        Parameter w = parameter("w", normal(0.02, M, K));
        Tensor dy = normal(1, N, M);
        Tape tape = Tape.recording(backend, workspace);
        tape.watch(x);
        Tensor y = Linear.of(w, null, quantization).forward(tape, x);
        float[] outputs = y.toArray();
        tape.backward(y, dy);
        float[] dx = Objects.requireNonNull(tape.gradient(x)).toArray();
        float[] dw = w.gradient().toArray();

        Tape evaluating = Tape.evaluating(backend, workspace);
        Tensor xq = Tensor.of(pool, evaluating.apply(new FakeQuantRows(new Int8Absmax(), activations), x).toArray(), N, K);
        Parameter wq = parameter("wq", evaluating.apply(new FakeQuantWeight(new TernaryAbsmean(), weights), w.value()));
        tape.reset();
        tape.watch(xq);
        Tensor expected = new Linear(wq, null).forward(tape, xq);
        float[] values = expected.toArray();
        tape.backward(expected, dy);
        assertThat(dx).containsExactly(Objects.requireNonNull(tape.gradient(xq)).toArray());
        assertThat(dw).containsExactly(wq.gradient().toArray());
        for (int i = 0; i < values.length; i++) {
            assertThat(outputs[i]).isCloseTo(values[i], org.assertj.core.data.Offset.offset(1e-4f));
        }
    }

    /** The codes stay exact: dx errs by what rounding dy costs (nothing here), dW by one rounding of dy times a step. */
    @Test
    void bf16GradientsRoundTheOutputGradientAlone() {
        Tensor x = normal(1, N, K);
        Parameter w = parameter("w", normal(0.02, M, K));
        float[] exact = normal(1, N, M).toArray();
        for (int i = 0; i < exact.length; i++) {
            exact[i] = Math.round(exact[i] * 16) / 16f;
        }
        Tensor dy = Tensor.of(pool, exact, N, M);
        List<float[]> fp32 = outputAndGradients(Precision.FP32, x, w, dy);
        List<float[]> bf16 = outputAndGradients(Precision.BF16, x, w, dy);
        assertThat(bf16.get(0)).containsExactly(fp32.get(0)); // an integer product
        assertThat(bf16.get(1)).containsExactly(fp32.get(1), org.assertj.core.data.Offset.offset(1e-5f));
        float[] values = x.toArray();
        for (int o = 0; o < M; o++) {
            for (int i = 0; i < K; i++) {
                double size = 0;
                for (int t = 0; t < N; t++) {
                    size += Math.abs(exact[t * M + o] * values[t * K + i]) + 0.02 * Math.abs(exact[t * M + o]); // a code is half a step off
                }
                assertThat((double) bf16.get(2)[o * K + i]).isCloseTo(fp32.get(2)[o * K + i],
                        org.assertj.core.data.Offset.offset(size / 255));
            }
        }
        assertThat(bf16.get(2)).isNotEqualTo(fp32.get(2));
    }

    private List<float[]> outputAndGradients(Precision precision, Tensor x, Parameter w, Tensor dy) {
        Tape tape = Tape.recording(backend, workspace, precision);
        tape.watch(x);
        w.clearGradient();
        Tensor y = Linear.of(w, null, TERNARY).forward(tape, x);
        float[] output = y.toArray();
        tape.backward(y, dy);
        List<float[]> results = List.of(output, Objects.requireNonNull(tape.gradient(x)).toArray(), w.gradient().toArray());
        tape.reset();
        return results;
    }

    /** Which tensors are quantized, for all four settings. */
    @ParameterizedTest
    @CsvSource({"true, true", "true, false", "false, true", "false, false"})
    void weightAndActivationQuantizationSwitchIndependently(boolean weights, boolean activations) {
        Quantization quantization = new Quantization(weights ? new TernaryAbsmean() : null, activations ? new Int8Absmax() : null);
        Tensor x = normal(1, 1, K);
        Parameter w = parameter("w", normal(0.02, M, K));
        Linear layer = Linear.of(w, null, quantization);
        Tape tape = Tape.evaluating(backend, workspace);
        float[] y = layer.forward(tape, x).toArray();
        float[] exact = new Linear(w, null).forward(tape, x).toArray();
        assertThat(layer instanceof BitLinear).isEqualTo(weights || activations);
        if (weights) {
            assertThat(((BitLinear) layer).quantizedWeight(backend).codes().shape()).isEqualTo(w.shape());
        } else if (layer instanceof BitLinear bitLinear) {
            assertThatThrownBy(() -> bitLinear.quantizedWeight(backend)).isInstanceOf(IllegalStateException.class);
        }
        if (weights || activations) {
            assertThat(y).isNotEqualTo(exact);
        } else {
            assertThat(y).containsExactly(exact);
        }
    }

    @Test
    void biasAndResidualAreAdded() {
        Tensor x = normal(1, N, K);
        Tensor residual = normal(1, N, M);
        Parameter w = parameter("w", normal(0.02, M, K));
        Parameter bias = parameter("b", normal(1, M));
        for (Quantization quantization : List.of(TERNARY, TERNARY.withoutWeights(), TERNARY.withoutActivations(), Quantization.NONE)) {
            Tape tape = Tape.recording(backend, workspace);
            float[] plain = Linear.of(w, null, quantization).forward(tape, x).toArray();
            Tensor y = Linear.of(w, bias, quantization).forward(tape, x, residual);
            float[] b = bias.value().toArray();
            float[] r = residual.toArray();
            for (int i = 0; i < plain.length; i++) {
                assertThat(y.toArray()[i]).isCloseTo(plain[i] + b[i % M] + r[i], org.assertj.core.data.Offset.offset(1e-5f));
            }
            bias.clearGradient();
            Tensor dy = normal(1, N, M);
            tape.backward(y, dy);
            float[] expected = new float[M];
            float[] given = dy.toArray();
            for (int i = 0; i < given.length; i++) {
                expected[i % M] += given[i];
            }
            assertThat(bias.gradient().toArray()).containsExactly(expected, org.assertj.core.data.Offset.offset(1e-5f));
            tape.reset();
        }
    }

    @Test
    void projectionsOfOneInputShareItsCodesAndEqualSeparateOnes() {
        Tensor x = normal(1, N, K);
        BitLinear q = new BitLinear(parameter("q", normal(0.02, M, K)), null, TERNARY);
        BitLinear k = new BitLinear(parameter("k", normal(0.03, 3, K)), null, TERNARY);
        Counting counting = new Counting();
        Quantization shared = new Quantization(new TernaryAbsmean(), counting);
        Tape tape = Tape.evaluating(backend, workspace);
        Tensor[] together = Linear.forwardAll(tape, x,
                List.of(new BitLinear(q.weight(), null, shared), new BitLinear(k.weight(), null, shared)));
        assertThat(counting.calls).isEqualTo(1);
        assertThat(together[0].toArray()).containsExactly(q.forward(tape, x).toArray());
        assertThat(together[1].toArray()).containsExactly(k.forward(tape, x).toArray());
        assertThatThrownBy(() -> Linear.forwardAll(tape, x, List.of(q, new Linear(k.weight(), null))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("differ in the quantization of their input");
    }

    private static final class Counting implements org.setun.nn.ActivationQuantizer {
        private final Int8Absmax quantizer = new Int8Absmax();
        private int calls;

        @Override
        public String name() {
            return "counting";
        }

        @Override
        public QuantizedRows quantize(org.setun.kernels.Backend backend, Tensor x, org.setun.kernels.Allocator allocator) {
            calls++;
            return quantizer.quantize(backend, x, allocator);
        }

        @Override
        public void dequantize(org.setun.kernels.Backend backend, QuantizedRows rows, Tensor out) {
            quantizer.dequantize(backend, rows, out);
        }
    }

    @Test
    void codesAreRefreshedWhenTheWeightChanges() {
        Tensor x = normal(1, N, K);
        Parameter w = parameter("w", normal(0.02, M, K));
        BitLinear layer = new BitLinear(w, null, TERNARY);
        Tape tape = Tape.evaluating(backend, workspace);
        float[] before = layer.forward(tape, x).toArray();
        w.load(normal(0.02, M, K).segment());
        float[] after = layer.forward(tape, x).toArray();
        assertThat(after).isNotEqualTo(before).containsExactly(new BitLinear(w, null, TERNARY).forward(tape, x).toArray());
    }
}
