package org.setun.nn;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.SplittableRandom;
import org.setun.kernels.Backend;
import org.setun.kernels.Workspace;

/**
 * Compares the gradients of a {@link Function} with finite differences. The loss is the inner product of the outputs with fixed random
 * numbers, summed in fp64; differences are fourth-order central ones, {@code (8(f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h}, whose error is
 * about {@code h^4} from the formula plus {@code 2^-24/h} from fp32 outputs.
 */
public final class GradCheck {

    private static final int ELEMENTS = 200;

    /**
     * The largest disagreement.
     *
     * @param input    index of the input
     * @param element  index in it
     * @param tape     the gradient by backward
     * @param numeric  the gradient by differences
     * @param relative the difference, divided by the larger of 1e-2 times the input's largest gradient, and the gradients themselves
     * @param checked  how many elements were compared
     * @param ofLargest the largest difference of any element, divided by its input's largest gradient
     */
    public record Result(int input, long element, double tape, double numeric, double relative, long checked, double ofLargest) {

        /**
         * Passes if the largest disagreement is small.
         *
         * @throws AssertionError otherwise
         */
        public void requireWithin(double tolerance) {
            if (!(relative <= tolerance)) {
                throw new AssertionError(
                        String.format(Locale.ROOT, "gradient of input %d at %d: tape %.6g, numeric %.6g, relative %.3g > %.3g",
                                input, element, tape, numeric, relative, tolerance));
            }
        }

        /**
         * Passes if no difference is large beside the largest gradient of its input: the measure for gradients whose terms were rounded and
         * then cancel.
         *
         * @throws AssertionError otherwise
         */
        public void requireWithinOfLargest(double tolerance) {
            if (!(ofLargest <= tolerance)) {
                throw new AssertionError(String.format(Locale.ROOT, "a gradient errs by %.3g > %.3g of its input's largest", ofLargest,
                        tolerance));
            }
        }
    }

    private final Backend backend;
    private final Workspace workspace;
    private final Precision precision;
    private final Function function;
    private final Tensor[] inputs;
    private final float step;
    private final long seed;

    private GradCheck(Backend backend, Workspace workspace, Precision precision, Function function, Tensor[] inputs, float step,
            long seed) {
        this.workspace = workspace;
        this.backend = backend;
        this.precision = precision;
        this.function = function;
        this.inputs = inputs;
        this.step = step;
        this.seed = seed;
    }

    /**
     * Checks the gradients of all F32 inputs, at up to 200 elements of each.
     *
     * @param step   the {@code h} of the differences; a power of two such as 1/32 for inputs around 1
     * @param inputs of the function, not on any workspace that ends; restored after use
     */
    public static Result run(Backend backend, Function function, float step, Tensor... inputs) {
        return run(backend, Precision.FP32, function, step, inputs);
    }

    /**
     * The same for the backward pass of a precision. The differences are of fp32 products whatever it is: rounding operands to bf16 would drown
     * them.
     */
    public static Result run(Backend backend, Precision precision, Function function, float step, Tensor... inputs) {
        try (Workspace workspace = new Workspace(backend, 1 << 20)) {
            return new GradCheck(backend, workspace, precision, function, inputs, step, 17).run();
        }
    }

    private Result run() {
        return compare(gradients());
    }

    /** By the tape; empty for inputs that are not F32. */
    private List<float[]> gradients() {
        List<float[]> gradients = new ArrayList<>();
        Tape recording = Tape.recording(backend, workspace, precision);
        for (Tensor input : inputs) {
            if (input.type() == DType.F32 && input.parameter() == null) {
                recording.watch(input);
            }
        }
        List<Tensor> outputs = List.of(recording.applyAll(function, inputs));
        List<Tensor> weights = outputs.stream().map(output -> outputGradient(output, outputs.indexOf(output))).toList();
        for (Tensor input : inputs) {
            if (input.parameter() != null) {
                Objects.requireNonNull(input.parameter()).clearGradient();
            }
        }
        recording.backward(outputs, weights);
        for (Tensor input : inputs) {
            gradients.add(input.type() == DType.F32 ? gradient(recording, input) : new float[0]);
        }
        recording.reset();
        return gradients;
    }

    private Result compare(List<float[]> gradients) {
        Result worst = new Result(-1, -1, 0, 0, 0, 0, 0);
        double ofLargest = 0;
        long checked = 0;
        for (int i = 0; i < inputs.length; i++) {
            float[] gradient = gradients.get(i);
            double largest = 0;
            for (float value : gradient) {
                largest = Math.max(largest, Math.abs(value));
            }
            for (long element = 0; element < gradient.length; element += Math.max(1, gradient.length / ELEMENTS)) {
                double tape = gradient[(int) element];
                double numeric = difference(inputs[i], element);
                double scale = Math.max(Math.max(Math.abs(tape), Math.abs(numeric)), Math.max(1e-2 * largest, 1e-6));
                double relative = Math.abs(tape - numeric) / scale;
                checked++;
                ofLargest = Math.max(ofLargest, Math.abs(tape - numeric) / Math.max(largest, 1e-6));
                if (!(relative <= worst.relative)) {
                    worst = new Result(i, element, tape, numeric, relative, checked, 0);
                }
            }
        }
        return new Result(worst.input, worst.element, worst.tape, worst.numeric, worst.relative, checked, ofLargest);
    }

    private static float[] gradient(Tape tape, Tensor input) {
        Parameter parameter = input.parameter();
        if (parameter != null) {
            return parameter.gradient().toArray();
        }
        Tensor gradient = tape.gradient(input);
        return gradient == null ? new float[Math.toIntExact(input.size())] : gradient.toArray();
    }

    private double difference(Tensor input, long element) {
        MemorySegment values = input.segment();
        float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, element);
        double[] losses = new double[4];
        float[] steps = {value + step, value - step, value + 2 * step, value - 2 * step};
        for (int i = 0; i < 4; i++) {
            set(input, element, steps[i]);
            losses[i] = loss();
        }
        set(input, element, value);
        double h = ((double) steps[0] - steps[1]) / 2; // what fp32 made of the step
        return (8 * (losses[0] - losses[1]) - (losses[2] - losses[3])) / (12 * h);
    }

    private static void set(Tensor input, long element, float value) {
        input.segment().setAtIndex(ValueLayout.JAVA_FLOAT, element, value);
        if (input.parameter() != null) {
            Objects.requireNonNull(input.parameter()).markChanged();
        }
    }

    private double loss() {
        Tape tape = Tape.evaluating(backend, workspace);
        try {
            Tensor[] outputs = tape.applyAll(function, inputs);
            double loss = 0;
            for (int i = 0; i < outputs.length; i++) {
                SplittableRandom random = new SplittableRandom(seed + i);
                MemorySegment values = outputs[i].segment();
                for (long j = 0; j < outputs[i].size(); j++) {
                    double value = outputs[i].type() == DType.F64
                            ? values.getAtIndex(ValueLayout.JAVA_DOUBLE, j)
                            : values.getAtIndex(ValueLayout.JAVA_FLOAT, j);
                    loss += value * (float) random.nextDouble(-1, 1);
                }
            }
            return loss;
        } finally {
            tape.reset();
        }
    }

    private Tensor outputGradient(Tensor output, int index) {
        Tensor gradient = Tensor.allocate(workspace, DType.F32, output.shape());
        SplittableRandom random = new SplittableRandom(seed + index);
        MemorySegment values = gradient.segment();
        for (long j = 0; j < output.size(); j++) {
            values.setAtIndex(ValueLayout.JAVA_FLOAT, j, (float) random.nextDouble(-1, 1));
        }
        return gradient;
    }
}
