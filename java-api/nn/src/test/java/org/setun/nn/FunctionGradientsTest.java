package org.setun.nn;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.Backend;
import org.setun.kernels.HadamardOps;
import org.setun.kernels.NnOps;
import org.setun.kernels.Workspace;
import org.setun.nn.function.Add;
import org.setun.nn.function.Attention;
import org.setun.nn.function.CrossEntropy;
import org.setun.nn.function.EmbeddingFunction;
import org.setun.nn.function.Glu;
import org.setun.nn.function.Hadamard;
import org.setun.nn.function.LinearFunction;
import org.setun.nn.function.Relu;
import org.setun.nn.function.RmsNormFunction;
import org.setun.nn.function.Rope;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Every function against finite differences. */
class FunctionGradientsTest extends NetTest {

    private static final float H = 1f / 32;
    private static final double TOLERANCE = 2e-3;

    private void check(Function function, Tensor... inputs) {
        GradCheck.Result result = GradCheck.run(backend, function, H, inputs);
        assertThat(result.checked()).isPositive();
        result.requireWithin(TOLERANCE);
    }

    @Test
    void add() {
        check(new Add(), normal(3, 5), normal(3, 5));
    }

    @Test
    void relu() {
        float[] values = normal(4, 9).toArray();
        for (int i = 0; i < values.length; i++) {
            values[i] += Math.signum(values[i]) * 4 * H; // away from the corner
        }
        check(new Relu(), Tensor.of(pool, values, 4, 9));
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "3, 7", "5, 64"})
    void rmsNorm(int n, int d) {
        check(new RmsNormFunction(1e-2f), normal(n, d), normal(d));
    }

    /** A power of two, a symmetric and a plain Paley matrix, blocks; with signs and without. */
    @ParameterizedTest
    @CsvSource({"64, false", "40, true", "44, false", "44, true", "15, true"})
    void hadamard(int d, boolean inverse) {
        check(new Hadamard(null, inverse), normal(3, d));
        MemorySegment signs = Arena.ofAuto().allocate(HadamardOps.signBytes(d));
        backend.hadamardSigns(HadamardOps.SignGenerator.SPLITMIX64, 5, d, signs);
        check(new Hadamard(signs, inverse), normal(3, d));
    }

    /** Two heads of five values share their factors. */
    @Test
    void rmsNormOfHeads() {
        check(new RmsNormFunction(1e-2f), normal(3, 10), normal(5));
        assertThatThrownBy(() -> check(new RmsNormFunction(1e-2f), normal(3, 10), normal(4))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must divide");
    }

    @Test
    void embedding() {
        check(new EmbeddingFunction(), normal(6, 5), ints(5, 0, 3, 3, 1));
    }

    @ParameterizedTest
    @EnumSource
    void rope(NnOps.Rope convention) {
        check(new Rope(6, 100, convention, false), normal(4, 12), ints(0, 1, 7, 3));
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1, 1, 2", "2, 5, 4, 2, 4", "1, 9, 3, 3, 6", "3, 4, 4, 1, 8"})
    void attention(int batch, int t, int heads, int kvHeads, int headDim) {
        check(new Attention(batch, t, heads, kvHeads, headDim), normal(batch * t, heads * headDim), normal(batch * t, kvHeads * headDim),
                normal(batch * t, kvHeads * headDim));
    }

    /**
     * Inputs are rounded by 2^-8, and an exponential makes that 2^-8 of the scores, which are a few units here. A query that sees one key has
     * no gradient at all: its rounded terms cancel, so errors are measured by the largest gradient.
     */
    @ParameterizedTest
    @CsvSource({"2, 5, 4, 2, 4", "1, 9, 3, 3, 6", "3, 4, 4, 1, 8", "1, 40, 2, 1, 16"})
    void attentionInBf16(int batch, int t, int heads, int kvHeads, int headDim) {
        GradCheck.Result result = GradCheck.run(backend, Precision.BF16, new Attention(batch, t, heads, kvHeads, headDim), H,
                normal(batch * t, heads * headDim), normal(batch * t, kvHeads * headDim), normal(batch * t, kvHeads * headDim));
        assertThat(result.checked()).isPositive();
        result.requireWithinOfLargest(8.0 / 256);
    }

    @Test
    void swiglu() {
        check(new Glu(NnOps.Glu.SILU), normal(3, 8), normal(3, 8));
    }

    @Test
    void squaredReluGlu() {
        float[] gate = normal(3, 8).toArray();
        for (int i = 0; i < gate.length; i++) {
            gate[i] += Math.signum(gate[i]) * 4 * H;
        }
        check(new Glu(NnOps.Glu.RELU2), Tensor.of(pool, gate, 3, 8), normal(3, 8));
    }

    @Test
    void crossEntropy() {
        check(new CrossEntropy(0.25f), normal(4, 7), ints(6, 0, -1, 2));
    }

    @Test
    void linear() {
        LinearFunction.Weight plain = LinearFunction.Weight.PLAIN;
        check(new LinearFunction(List.of(plain), null, false, false), normal(4, 6), normal(5, 6));
        check(new LinearFunction(List.of(plain), null, true, true), normal(4, 6), normal(5, 6), normal(5), normal(4, 5));
        check(new LinearFunction(List.of(plain, plain, plain), null, true, false), normal(4, 6), normal(5, 6), normal(2, 6), normal(1, 6),
                normal(5), normal(2), normal(1));
    }

    /** Gradients of one term each, so that rounding is all there is: two operands lose at most 2^-8 each. */
    @Test
    void linearInBf16() {
        LinearFunction function = new LinearFunction(List.of(LinearFunction.Weight.PLAIN), null, false, false);
        GradCheck.run(backend, Precision.BF16, function, H, normal(1, 40), normal(1, 40)).requireWithin(2.1 / 256 + TOLERANCE);
    }

    /** Against fp32, each product within 2^-7 of itself; and the rounding shows. */
    @Test
    void bf16DiffersFromFp32ByTheRoundingOfOperands() {
        LinearFunction.Weight plain = LinearFunction.Weight.PLAIN;
        LinearFunction function = new LinearFunction(List.of(plain, plain), null, true, false);
        Tensor[] inputs = {normal(7, 33), normal(20, 33), normal(9, 33), normal(20), normal(9)};
        Tensor[] weights = {normal(7, 20), normal(7, 9)};
        List<float[]> fp32 = outputsAndGradients(Precision.FP32, function, inputs, weights);
        List<float[]> bf16 = outputsAndGradients(Precision.BF16, function, inputs, weights);
        Tensor[] sizes = Stream.of(inputs).map(this::absolute).toArray(Tensor[]::new);
        List<float[]> bounds = outputsAndGradients(Precision.FP32, function, sizes, absolute(weights[0]), absolute(weights[1]));
        boolean rounded = false;
        for (int i = 0; i < fp32.size(); i++) {
            for (int j = 0; j < fp32.get(i).length; j++) {
                double difference = Math.abs(fp32.get(i)[j] - bf16.get(i)[j]);
                assertThat(difference).as("result %d, element %d", i, j).isLessThanOrEqualTo(bounds.get(i)[j] * (2.02 / 256));
                rounded |= difference > bounds.get(i)[j] * 1e-5;
            }
        }
        assertThat(rounded).isTrue();
    }

    private Tensor absolute(Tensor tensor) {
        float[] values = tensor.toArray();
        for (int i = 0; i < values.length; i++) {
            values[i] = Math.abs(values[i]);
        }
        Tensor result = Tensor.allocate(pool, DType.F32, tensor.shape());
        result.copyFrom(values);
        return result;
    }

    private List<float[]> outputsAndGradients(Precision precision, Function function, Tensor[] inputs, Tensor... outputGradients) {
        List<float[]> results = new ArrayList<>();
        try (Workspace workspace = new Workspace(backend, 1 << 20)) {
            Tape tape = Tape.recording(backend, workspace, precision);
            Stream.of(inputs).forEach(tape::watch);
            Tensor[] outputs = tape.applyAll(function, inputs);
            Stream.of(outputs).forEach(output -> results.add(output.toArray()));
            tape.backward(List.of(outputs), List.of(outputGradients));
            Stream.of(inputs).forEach(input -> results.add(Objects.requireNonNull(tape.gradient(input)).toArray()));
            tape.reset();
        }
        return results;
    }

    @Test
    void aTensorUsedTwiceByOneFunction() {
        Tensor x = normal(3, 4);
        check(new Add(), x, x);
        check(new LinearFunction(List.of(LinearFunction.Weight.PLAIN), null, false, true), x, normal(4, 4), x);
    }

    @Test
    void gradientsOfParametersAreChecked() {
        Parameter weight = new Initializer(pool, 1).normal("w", 1, 3, 4);
        check(new LinearFunction(List.of(LinearFunction.Weight.PLAIN), null, false, false), normal(2, 4), weight.value());
    }

    /** y = x * x, with a gradient that is off by a factor. */
    private record Square(float factor) implements Function {
        @Override
        public Tensor[] forward(FunctionContext context, Tensor... inputs) {
            float[] x = inputs[0].toArray();
            for (int i = 0; i < x.length; i++) {
                x[i] *= x[i];
            }
            Tensor y = context.allocate(DType.F32, inputs[0].shape());
            y.copyFrom(x);
            return new Tensor[]{y};
        }

        @Override
        public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
            float[] x = context.input(0).toArray();
            float[] dy = Objects.requireNonNull(outputGradients[0]).toArray();
            for (int i = 0; i < x.length; i++) {
                x[i] *= factor * dy[i];
            }
            Tensor dx = context.borrow(DType.F32, context.input(0).shape());
            dx.copyFrom(x);
            return new Tensor[]{dx};
        }
    }

    @Test
    void aUserFunctionIsCheckedAndAWrongGradientIsFound() {
        Tensor x = normal(3, 4);
        check(new Square(2), x);
        assertThatThrownBy(() -> check(new Square(2.01f), x)).isInstanceOf(AssertionError.class)
                .hasMessageContaining("gradient of input 0");
    }

    @Test
    void shapesAreNamedInErrors() {
        assertThatThrownBy(() -> check(new RmsNormFunction(1e-5f), normal(2, 3), normal(4))).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("w is F32[4], its length must divide the rows of x, F32[2, 3]");
        assertThatThrownBy(() -> check(new Add(), normal(2, 3), normal(3, 2))).hasMessageContaining("F32[2, 3] and F32[3, 2]");
        assertThatThrownBy(() -> check(new EmbeddingFunction(), normal(2, 3), normal(2)))
                .hasMessageContaining("ids is F32[2], must be I32[any]");
    }
}
