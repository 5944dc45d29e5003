package org.setun.nn.function;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.GemmOps.Operand;
import org.setun.nn.ActivationQuantizer;
import org.setun.nn.DType;
import org.setun.nn.Function;
import org.setun.nn.FunctionContext;
import org.setun.nn.LearnedScaleQuantizer;
import org.setun.nn.Parameter;
import org.setun.nn.Precision;
import org.setun.nn.QuantizedRows;
import org.setun.nn.QuantizedWeight;
import org.setun.nn.Tensor;
import org.setun.nn.WeightQuantizer;

/**
 * Products of one input with one or more weights: {@code y_i = x * W_i^T + bias_i + residual}. Weights, activations, both or neither are
 * quantized; with both, the product runs on integer codes, and the projections share the quantized input (q, k, v; gate, up).
 *
 * <p>Backward (BitNet b1.58, arXiv 2402.17764): {@code dx = dy * W~} and {@code dW = dy^T * x~}, where {@code W~} and {@code x~} are the
 * values that the codes stand for; the quantizers' own estimators apply to {@code dW}. Between the passes a quantized input is kept as its
 * 8-bit codes.
 *
 * <p>Under {@link Precision#BF16} the products with fp32 weights, dx and dW run on operands rounded to bf16; dW reads the codes of a quantized
 * input as they are, and dx those of a ternary weight.
 *
 * <p>Inputs: {@code x} F32[n][k]; a weight F32[m_i][k] per projection; a bias F32[m_i] per projection if {@code bias}; {@code residual}
 * F32[n][m_0] if {@code residual} (one projection only); the learned scales of each projection whose quantizer has some; the
 * {@linkplain ActivationQuantizer#parameters parameters} of {@code activations}. Outputs: F32[n][m_i].
 *
 * @param weights     per projection the quantized weight, made of the present latent weight, or fp32
 * @param activations quantizes {@code x}, or null
 */
public record LinearFunction(List<Weight> weights, @Nullable ActivationQuantizer activations, boolean bias, boolean residual)
        implements
            Function {

    /**
     * How a weight takes part.
     *
     * @param quantized its codes, or null for the fp32 values
     * @param quantizer what made the codes, or null
     */
    public record Weight(@Nullable QuantizedWeight quantized, @Nullable WeightQuantizer quantizer) {

        /** fp32. */
        public static final Weight PLAIN = new Weight(null, null);

        private boolean learnsScales() {
            return quantized != null && quantizer instanceof LearnedScaleQuantizer;
        }

        private boolean takesCodes() {
            return quantized != null && quantized.hasIntegerProduct();
        }
    }

    public LinearFunction {
        weights = List.copyOf(weights);
        if (weights.isEmpty() || (residual && weights.size() != 1)) {
            throw new IllegalArgumentException(weights.size() + " weights, must be one or more, and just one with a residual");
        }
    }

    private int residualInput() {
        return 1 + weights.size() * (bias ? 2 : 1);
    }

    /** Where the learned scales of projection {@code i} are, if it has some; the place behind all inputs for the number of projections. */
    private int scaleInput(int i) {
        return residualInput() + (residual ? 1 : 0) + (int) weights.stream().limit(i).filter(Weight::learnsScales).count();
    }

    /** Where the parameters of the quantizer of activations begin. */
    private int activationInput() {
        return scaleInput(weights.size());
    }

    private int inputCount() {
        return activationInput() + (activations == null ? 0 : activations.parameters().size());
    }

    private boolean takesCodes(Weight weight) {
        return weight.takesCodes() && activations != null && activations.hasIntegerProduct();
    }

    @Override
    public Tensor[] forward(FunctionContext context, Tensor... inputs) {
        Tensor x = inputs[0].require("x", DType.F32, -1, -1);
        requireShapes(inputs);
        Backend backend = context.backend();
        QuantizedRows rows = activations == null ? null : activations.quantize(backend, x, context.allocator());
        Tensor values = x; // what weights without an integer product are multiplied with
        if (rows != null) {
            context.save(rows);
            if (weights.stream().anyMatch(weight -> !takesCodes(weight))) {
                values = context.borrow(DType.F32, x.shape());
                activations.dequantize(backend, rows, values);
            }
        }
        Tensor[] outputs = new Tensor[weights.size()];
        for (int i = 0; i < outputs.length; i++) {
            outputs[i] = context.allocate(DType.F32, x.rows(), inputs[1 + i].rows());
            project(context, i, inputs, values, rows, outputs[i]);
        }
        if (values != x) {
            context.giveBack(values);
        }
        return outputs;
    }

    private void project(FunctionContext context, int i, Tensor[] inputs, Tensor values, @Nullable QuantizedRows rows, Tensor y) {
        Backend backend = context.backend();
        QuantizedWeight quantized = weights.get(i).quantized;
        Tensor added = bias ? inputs[1 + weights.size() + i] : null;
        Tensor carried = residual ? inputs[residualInput()] : null;
        if (rows != null && takesCodes(weights.get(i))) {
            Objects.requireNonNull(quantized).multiply(backend, rows, added, carried, y);
            addOffsets(context, quantized, rows, y);
            return;
        }
        if (quantized != null) {
            quantized.multiply(backend, values, added, y);
            if (carried != null) {
                backend.axpby(1, carried.segment(), 1, y.segment(), y.size());
            }
            return;
        }
        if (carried != null) {
            backend.axpby(1, carried.segment(), 0, y.segment(), y.size());
        }
        Tensor w = inputs[1 + i];
        long k = w.columns();
        if (context.precision() == Precision.BF16) {
            backend.gemmBf16(y.rows(), w.rows(), k, 1, Operand.f32(values.segment(), k), Operand.f32(w.segment(), k).transpose(), null,
                    carried == null ? 0 : 1, added == null ? null : added.segment(), y.segment(), w.rows());
            return;
        }
        backend.gemmF32(false, true, y.rows(), w.rows(), k, 1, values.segment(), k, w.segment(), k, carried == null ? 0 : 1, y.segment(),
                w.rows());
        if (added != null) {
            backend.biasForward(added.segment(), y.rows(), y.columns(), y.segment());
        }
    }

    /** {@code y += offset * (row sums of W)^T}: what the product of the codes leaves out. */
    private static void addOffsets(FunctionContext context, QuantizedWeight weight, QuantizedRows rows, Tensor y) {
        Tensor offset = rows.offset();
        if (offset == null) {
            return;
        }
        Backend backend = context.backend();
        long k = weight.inputs();
        long m = weight.outputs();
        Tensor ones = context.borrow(DType.F32, 1, k);
        Tensor sums = context.borrow(DType.F32, 1, m);
        backend.fill(ones.segment(), k, 1);
        weight.multiply(backend, ones, null, sums);
        backend.gemmF32(false, false, y.rows(), m, 1, 1, offset.segment(), 1, sums.segment(), m, 1, y.segment(), m);
        context.giveBack(ones);
        context.giveBack(sums);
    }

    @Override
    public @Nullable Tensor[] backward(FunctionContext context, @Nullable Tensor... outputGradients) {
        @Nullable
        Tensor[] gradients = new Tensor[inputCount()];
        if (activations != null && !activations.isStraightThrough()) {
            estimatedInputGradient(context, activations, outputGradients, gradients);
        } else if (context.needsGradient(0)) {
            FunctionContext.Sink sink = context.sink(0);
            inputGradient(context, outputGradients, sink.beta(), sink.tensor());
        }
        weightGradients(context, outputGradients);
        if (residual) {
            gradients[residualInput()] = outputGradients[0];
        }
        return gradients;
    }

    /** The gradient of the input through its quantizer, and with it those of the quantizer's parameters. */
    private void estimatedInputGradient(FunctionContext context, ActivationQuantizer quantizer, @Nullable Tensor[] outputGradients,
            @Nullable Tensor[] gradients) {
        List<Parameter> parameters = quantizer.parameters();
        if (!context.needsGradient(0) && parameters.isEmpty()) {
            return;
        }
        Tensor x = context.input(0);
        Tensor gradient = context.borrow(DType.F32, x.shape());
        if (inputGradient(context, outputGradients, 0, gradient)) {
            List<Tensor> learned = new ArrayList<>();
            for (int i = 0; i < parameters.size(); i++) {
                Tensor zeros = context.borrow(DType.F32, parameters.get(i).shape());
                zeros.clear();
                learned.add(zeros);
                gradients[activationInput() + i] = zeros;
            }
            quantizer.backward(context.backend(), x, context.saved(0, QuantizedRows.class), gradient, learned);
            if (context.needsGradient(0)) {
                FunctionContext.Sink sink = context.sink(0);
                context.backend().axpby(1, gradient.segment(), sink.beta(), sink.tensor().segment(), gradient.size());
            }
        }
        context.giveBack(gradient);
    }

    /** {@code dx = sum of dy_i * W~_i + beta * dx}; false if no output has a gradient: then {@code dx} is left alone. */
    private boolean inputGradient(FunctionContext context, @Nullable Tensor[] outputGradients, float beta, Tensor dx) {
        float before = beta;
        boolean any = false;
        for (int i = 0; i < weights.size(); i++) {
            Tensor dy = outputGradients[i];
            if (dy == null) {
                continue;
            }
            inputGradient(context, i, dy, before, dx);
            before = 1;
            any = true;
        }
        return any;
    }

    private void inputGradient(FunctionContext context, int i, Tensor dy, float beta, Tensor dx) {
        Backend backend = context.backend();
        boolean bf16 = context.precision() == Precision.BF16;
        Tensor latent = context.input(1 + i);
        QuantizedWeight quantized = weights.get(i).quantized;
        if (bf16 && quantized != null && quantized.inputGradient(backend, dy, beta, dx)) {
            return;
        }
        Tensor w = latent;
        if (quantized != null) {
            w = context.borrow(DType.F32, latent.shape());
            quantized.expand(backend, w);
        }
        long m = w.rows();
        long k = w.columns();
        if (bf16) {
            backend.gemmBf16(dy.rows(), k, m, 1, Operand.f32(dy.segment(), m), Operand.f32(w.segment(), k), null, beta, null, dx.segment(),
                    k);
        } else {
            backend.gemmF32(false, false, dy.rows(), k, m, 1, dy.segment(), m, w.segment(), k, beta, dx.segment(), k);
        }
        if (w != latent) {
            context.giveBack(w);
        }
    }

    private void weightGradients(FunctionContext context, @Nullable Tensor[] outputGradients) {
        Tensor x = context.input(0);
        boolean readsCodes = activations != null && context.precision() == Precision.BF16 && activations.hasIntegerProduct()
                && context.saved(0, QuantizedRows.class).offset() == null;
        Tensor values = null;
        for (int i = 0; i < weights.size(); i++) {
            Tensor dy = outputGradients[i];
            if (dy == null) {
                continue;
            }
            if (context.needsGradient(1 + i)) {
                if (values == null && !readsCodes) {
                    values = activations == null ? x : dequantized(context, activations, x);
                }
                weightGradient(context, i, dy, values);
            }
            int biasInput = 1 + weights.size() + i;
            if (bias && context.needsGradient(biasInput)) {
                context.backend().biasBackward(dy.segment(), dy.rows(), dy.columns(), context.accumulator(biasInput).segment());
            }
        }
        if (values != null && values != x) {
            context.giveBack(values);
        }
    }

    private void weightGradient(FunctionContext context, int i, Tensor dy, @Nullable Tensor values) {
        Backend backend = context.backend();
        Tensor latent = context.input(1 + i);
        QuantizedWeight quantized = weights.get(i).quantized;
        WeightQuantizer quantizer = weights.get(i).quantizer;
        if (quantized == null || quantizer == null || quantizer.isStraightThrough()) {
            FunctionContext.Sink sink = context.sink(1 + i);
            weightGradient(context, dy, values, sink.beta(), sink.tensor());
            return;
        }
        Tensor dw = context.borrow(DType.F32, latent.shape());
        weightGradient(context, dy, values, 0, dw);
        if (quantizer instanceof LearnedScaleQuantizer learned) {
            scaleGradient(context, i, learned, latent, dw);
        } else {
            quantizer.backward(backend, latent, quantized, dw);
        }
        FunctionContext.Sink sink = context.sink(1 + i);
        backend.axpby(1, dw.segment(), sink.beta(), sink.tensor().segment(), dw.size());
        context.giveBack(dw);
    }

    private void scaleGradient(FunctionContext context, int i, LearnedScaleQuantizer learned, Tensor latent, Tensor dw) {
        int input = scaleInput(i);
        learned.backward(context.backend(), latent, context.input(input), dw, context.accumulator(input));
    }

    /** {@code dw = dy^T * values + beta * dw}; without values, they are the saved codes. */
    private static void weightGradient(FunctionContext context, Tensor dy, @Nullable Tensor values, float beta, Tensor dw) {
        Backend backend = context.backend();
        long m = dw.rows();
        long k = dw.columns();
        Operand left = Operand.f32(dy.segment(), m).transpose();
        if (values == null) {
            QuantizedRows rows = context.saved(0, QuantizedRows.class);
            backend.gemmBf16(m, k, dy.rows(), 1, left, Operand.i8(rows.codes().segment(), rows.codes().columns()), rows.step().segment(),
                    beta,
                    null, dw.segment(), k);
        } else if (context.precision() == Precision.BF16) {
            backend.gemmBf16(m, k, dy.rows(), 1, left, Operand.f32(values.segment(), k), null, beta, null, dw.segment(), k);
        } else {
            backend.gemmF32(true, false, m, k, dy.rows(), 1, dy.segment(), m, values.segment(), k, beta, dw.segment(), k);
        }
    }

    private static Tensor dequantized(FunctionContext context, ActivationQuantizer quantizer, Tensor x) {
        Tensor values = context.borrow(DType.F32, x.shape());
        quantizer.dequantize(context.backend(), context.saved(0, QuantizedRows.class), values);
        return values;
    }

    private void requireShapes(Tensor[] inputs) {
        int expected = inputCount();
        if (inputs.length != expected) {
            throw new IllegalArgumentException(inputs.length + " inputs, must be " + expected);
        }
        for (int i = 0; i < weights.size(); i++) {
            Tensor w = inputs[1 + i].require("weight " + i, DType.F32, -1, inputs[0].columns());
            if (bias) {
                inputs[1 + weights.size() + i].require("bias " + i, DType.F32, w.rows());
            }
            if (residual) {
                inputs[residualInput()].require("residual", DType.F32, inputs[0].rows(), w.rows());
            }
        }
    }
}
