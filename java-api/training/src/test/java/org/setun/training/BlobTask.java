package org.setun.training;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.LongPredicate;
import org.setun.kernels.Allocator;
import org.setun.nn.DType;
import org.setun.nn.Mlp;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.training.loss.LossTerm;

/** Tells three clouds of points apart; can be told to give NaN and which results evaluations have. */
final class BlobTask implements TrainingTask {

    private static final int FEATURES = 16;

    private final Mlp model;
    private long steps;
    private int evaluationIndex;
    LongPredicate poisoned = step -> false;
    LongPredicate poisonedSamples = first -> false;
    long epoch;
    double[] evaluations = {};
    long lastEvaluationBatches;
    final List<Long> penalized = new ArrayList<>();
    int largestBatch;

    BlobTask(Allocator allocator, long seed) {
        this(allocator, seed, Quantization.NONE);
    }

    BlobTask(Allocator allocator, long seed, Quantization quantization) {
        model = new Mlp(List.of((long) FEATURES, 32L, 3L), true, quantization, allocator, seed);
    }

    @Override
    public Mlp model() {
        return model;
    }

    @Override
    public long samplesPerEpoch() {
        return epoch;
    }

    @Override
    public long unitsPerSample() {
        return 1;
    }

    private static Tensor[] batch(Tape tape, long first, int count) {
        Tensor x = Tensor.allocate(tape.workspace(), DType.F32, count, FEATURES);
        Tensor y = Tensor.allocate(tape.workspace(), DType.I32, count);
        MemorySegment values = x.segment();
        for (int row = 0; row < count; row++) {
            Random random = new Random(first + row);
            int label = random.nextInt(3);
            y.segment().setAtIndex(ValueLayout.JAVA_INT, row, label);
            for (int i = 0; i < FEATURES; i++) {
                values.setAtIndex(ValueLayout.JAVA_FLOAT, (long) row * FEATURES + i,
                        (float) ((i % 3 == label ? 1 : 0) + 0.3 * random.nextGaussian()));
            }
        }
        return new Tensor[]{x, y};
    }

    @Override
    public Tensor loss(Tape tape, long first, int count, long units) {
        largestBatch = Math.max(largestBatch, count);
        Tensor[] batch = batch(tape, first, count);
        if (poisoned.test(++steps) || poisonedSamples.test(first)) {
            batch[0].segment().setAtIndex(ValueLayout.JAVA_FLOAT, 0, Float.NaN);
        }
        return model.loss(tape, batch[0], batch[1], units);
    }

    @Override
    public void penalties(Tape tape, long step, Consumer<LossTerm> each) {
        penalized.add(step);
    }

    @Override
    public Evaluation evaluate(Tape tape, long batches) {
        lastEvaluationBatches = batches;
        if (evaluations.length > 0) {
            double value = evaluations[evaluationIndex++ % evaluations.length];
            return new Evaluation(value, value);
        }
        Tensor[] batch = batch(tape, -1000, 200);
        float[] logits = model.forward(tape, batch[0]).toArray();
        int[] labels = batch[1].toIntArray();
        int right = 0;
        for (int row = 0; row < labels.length; row++) {
            int best = 0;
            for (int c = 1; c < 3; c++) {
                best = logits[row * 3 + c] > logits[row * 3 + best] ? c : best;
            }
            right += best == labels[row] ? 1 : 0;
        }
        tape.reset();
        return new Evaluation(1 - right / 200.0, right / 200.0);
    }

    @Override
    public String metric() {
        return "accuracy";
    }

    @Override
    public boolean higherIsBetter() {
        return !isScripted();
    }

    /** Scripted evaluations are losses. */
    private boolean isScripted() {
        return evaluations.length > 0;
    }
}
