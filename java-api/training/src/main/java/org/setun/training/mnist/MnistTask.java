package org.setun.training.mnist;

import java.util.ArrayList;
import java.util.List;
import org.setun.kernels.Allocator;
import org.setun.nn.DType;
import org.setun.nn.Mlp;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.nn.function.CrossEntropy;
import org.setun.training.TrainingTask;
import org.setun.training.data.MnistDataset;
import org.setun.training.metric.LanguageMetrics;

/** Classifies images with an MLP; the metric is the accuracy on the test images. */
public final class MnistTask implements TrainingTask {

    private static final int EVALUATION_BATCH = 500;

    private final Mlp model;
    private final MnistDataset training;
    private final MnistDataset test;
    private final long seed;

    /**
     * A new model.
     *
     * @param hidden       sizes of the hidden layers
     * @param quantization of all layers; {@link Quantization#NONE} for the fp32 twin
     * @param allocator    for the parameters, usually a pool
     * @param seed         of the first weights and of the order of the images
     */
    public MnistTask(MnistDataset training, MnistDataset test, List<Long> hidden, Quantization quantization, Allocator allocator,
            long seed) {
        if (training.features() != test.features()) {
            throw new IllegalArgumentException("test images have " + test.features() + " pixels, training images " + training.features());
        }
        List<Long> sizes = new ArrayList<>(List.of((long) training.features()));
        sizes.addAll(hidden);
        sizes.add((long) training.classes());
        model = new Mlp(sizes, true, quantization, allocator, seed);
        this.training = training;
        this.test = test;
        this.seed = seed;
    }

    @Override
    public Mlp model() {
        return model;
    }

    @Override
    public long unitsPerSample() {
        return 1;
    }

    @Override
    public List<String> warnings() {
        int missing = training.classWithoutImages();
        return missing < 0
                ? List.of()
                : List.of("class " + missing + " of " + training.classes()
                        + " has no training image, so the model cannot learn it: give images"
                        + " of it, or read the data set with fewer classes");
    }

    @Override
    public long samplesPerEpoch() {
        return training.size();
    }

    @Override
    public double chanceLoss() {
        return Math.log(training.classes());
    }

    @Override
    public Tensor loss(Tape tape, long first, int count, long units) {
        Tensor x = Tensor.allocate(tape.workspace(), DType.F32, count, training.features());
        Tensor y = Tensor.allocate(tape.workspace(), DType.I32, count);
        training.training(seed, first, count, x.segment(), y.segment());
        return model.loss(tape, x, y, units);
    }

    @Override
    public Evaluation evaluate(Tape tape, long batches) {
        long most = batches > 0 ? Math.min(test.size(), batches * EVALUATION_BATCH) : test.size();
        long right = 0;
        double nats = 0;
        for (int first = 0; first < most; first += EVALUATION_BATCH) {
            int count = (int) Math.min(EVALUATION_BATCH, most - first);
            Tensor x = Tensor.allocate(tape.workspace(), DType.F32, count, test.features());
            Tensor y = Tensor.allocate(tape.workspace(), DType.I32, count);
            test.evaluation(first, count, x.segment(), y.segment());
            Tensor logits = model.forward(tape, x);
            nats += tape.apply(new CrossEntropy(1), logits, y).item();
            right += right(logits.toArray(), y.toIntArray());
            tape.reset();
        }
        return new Evaluation(nats / most, LanguageMetrics.accuracy(right, most));
    }

    private static long right(float[] logits, int[] labels) {
        int classes = logits.length / labels.length;
        long right = 0;
        for (int row = 0; row < labels.length; row++) {
            int best = 0;
            for (int c = 1; c < classes; c++) {
                best = logits[row * classes + c] > logits[row * classes + best] ? c : best;
            }
            right += best == labels[row] ? 1 : 0;
        }
        return right;
    }

    @Override
    public String metric() {
        return "accuracy";
    }

    @Override
    public boolean higherIsBetter() {
        return true;
    }
}
