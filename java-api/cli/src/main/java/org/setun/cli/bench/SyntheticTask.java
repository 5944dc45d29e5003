package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import org.setun.kernels.Allocator;
import org.setun.nn.DType;
import org.setun.nn.Decoder;
import org.setun.nn.Mlp;
import org.setun.nn.Model;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.training.TrainingTask;
import org.setun.training.config.TrainingConfig;
import org.setun.training.lm.DecoderFactory;
import org.setun.training.lm.QuantizationFactory;

/** Training on made-up data whose making takes next to no time: it can be learned by heart, so that a loss that does not fall is a defect. */
final class SyntheticTask implements TrainingTask {

    /** Makes the loss of samples. */
    @FunctionalInterface
    private interface Loss {
        Tensor of(Tape tape, long first, int count, long units);
    }

    private static final List<Long> MLP_SIZES = List.of(784L, 512L, 512L, 10L);

    private final Model model;
    private final long unitsPerSample;
    private final Loss loss;

    private SyntheticTask(Model model, long unitsPerSample, Loss loss) {
        this.model = model;
        this.unitsPerSample = unitsPerSample;
        this.loss = loss;
    }

    /** A decoder that predicts tokens of which small ids are more frequent; all samples of a step differ, all steps are alike. */
    static SyntheticTask tokens(int vocabulary, TrainingConfig config, Allocator allocator) {
        Decoder decoder = DecoderFactory.decoder(config, vocabulary, allocator, config.training().seed());
        int t = config.model().context();
        int samples = config.training().batchSize() * config.training().accumulationSteps();
        SplittableRandom random = new SplittableRandom(1);
        int[] ids = new int[samples * (t + 1)];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = (int) (vocabulary * Math.pow(random.nextDouble(), 2));
        }
        return new SyntheticTask(decoder, t, (tape, first, count, units) -> {
            Tensor tokens = Tensor.allocate(tape.workspace(), DType.I32, (long) count * t);
            Tensor targets = Tensor.allocate(tape.workspace(), DType.I32, (long) count * t);
            for (int row = 0; row < count; row++) {
                int from = (int) ((first + row) % samples) * (t + 1);
                MemorySegment.copy(ids, from, tokens.segment(), ValueLayout.JAVA_INT, 4L * row * t, t);
                MemorySegment.copy(ids, from + 1, targets.segment(), ValueLayout.JAVA_INT, 4L * row * t, t);
            }
            return decoder.loss(tape, tokens, targets, count, t, units);
        });
    }

    /** A classifier of noise, 32 batches of it. */
    static SyntheticTask images(int classes, TrainingConfig config, Allocator allocator) {
        Mlp mlp = new Mlp(MLP_SIZES, true, QuantizationFactory.of(config).of("layers.0.weight"), allocator, config.training().seed());
        long width = MLP_SIZES.getFirst();
        int images = 32 * config.training().batchSize();
        SplittableRandom random = new SplittableRandom(1);
        float[] pixels = new float[(int) (images * width)];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        int[] labels = random.ints(images, 0, classes).toArray();
        return new SyntheticTask(mlp, 1, (tape, first, count, units) -> {
            Tensor x = Tensor.allocate(tape.workspace(), DType.F32, count, width);
            Tensor y = Tensor.allocate(tape.workspace(), DType.I32, count);
            for (int row = 0; row < count; row++) {
                int from = (int) ((first + row) % images);
                MemorySegment.copy(pixels, (int) (from * width), x.segment(), ValueLayout.JAVA_FLOAT, 4 * row * width, (int) width);
                y.segment().setAtIndex(ValueLayout.JAVA_INT, row, labels[from]);
            }
            return mlp.loss(tape, x, y, units);
        });
    }

    @Override
    public Model model() {
        return model;
    }

    @Override
    public long unitsPerSample() {
        return unitsPerSample;
    }

    @Override
    public Tensor loss(Tape tape, long first, int count, long units) {
        return loss.of(tape, first, count, units);
    }

    /** Nothing is held out. */
    @Override
    public Evaluation evaluate(Tape tape, long batches) {
        return new Evaluation(Double.NaN, Double.NaN);
    }

    @Override
    public String metric() {
        return "none";
    }

    @Override
    public boolean higherIsBetter() {
        return false;
    }
}
