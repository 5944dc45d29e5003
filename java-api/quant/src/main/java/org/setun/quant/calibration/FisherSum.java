package org.setun.quant.calibration;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.setun.nn.DType;
import org.setun.nn.Decoder;
import org.setun.nn.Linear;
import org.setun.nn.Parameter;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.nn.function.CrossEntropy;

/** Sums squared gradients of single sequences for the {@link FisherInformation} of every linear layer. Not thread-safe. */
final class FisherSum {

    private final Decoder decoder;
    private final Map<Parameter, FisherInformation> sums = new LinkedHashMap<>();
    private long sequences;

    FisherSum(Decoder decoder, List<Linear> layers) {
        this.decoder = decoder;
        for (Linear layer : layers) {
            sums.put(layer.weight(), new FisherInformation(new double[Math.toIntExact(layer.outputs())],
                    new double[Math.toIntExact(layer.inputs())]));
        }
    }

    /**
     * Adds one sequence.
     *
     * @param logits  F32[t][vocab], from a forward pass on the recording {@code tape} since its last reset
     * @param targets the next token of each position, -1 for none
     */
    void add(Tape tape, Tensor logits, int[] targets) {
        Tensor labels = Tensor.allocate(tape.workspace(), DType.I32, targets.length);
        MemorySegment.copy(targets, 0, labels.segment(), ValueLayout.JAVA_INT, 0, targets.length);
        decoder.clearGradients();
        tape.backward(tape.apply(new CrossEntropy(1), logits, labels));
        sums.forEach((weight, sum) -> addSquares(weight.gradient(), sum));
        decoder.clearGradients();
        sequences++;
    }

    private static void addSquares(Tensor gradient, FisherInformation sum) {
        MemorySegment values = gradient.segment();
        float[] row = new float[sum.columns().length];
        double[] columns = sum.columns();
        for (int r = 0; r < sum.rows().length; r++) {
            MemorySegment.copy(values, ValueLayout.JAVA_FLOAT, 4L * r * row.length, row, 0, row.length);
            double total = 0;
            for (int c = 0; c < row.length; c++) {
                double square = (double) row[c] * row[c];
                columns[c] += square;
                total += square;
            }
            sum.rows()[r] += total;
        }
    }

    /** The means so far, by the weight's name; zeros if there were no sequences. */
    Map<String, FisherInformation> mean() {
        Map<String, FisherInformation> result = new LinkedHashMap<>();
        sums.forEach((weight, sum) -> result.put(weight.name(), new FisherInformation(divided(sum.rows()), divided(sum.columns()))));
        return result;
    }

    /** All that sequences have changed; {@link #resume} tells how many they were. */
    void state(BiConsumer<String, MemorySegment> sink) {
        sums.forEach((weight, sum) -> {
            sink.accept(weight.name() + CalibrationFile.FISHER_ROWS, MemorySegment.ofArray(sum.rows()));
            sink.accept(weight.name() + CalibrationFile.FISHER_COLUMNS, MemorySegment.ofArray(sum.columns()));
        });
    }

    void resume(long count) {
        sequences = count;
    }

    private double[] divided(double[] values) {
        double[] result = values.clone();
        for (int i = 0; i < result.length && sequences > 0; i++) {
            result[i] /= sequences;
        }
        return result;
    }
}
