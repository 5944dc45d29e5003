package org.setun.training.mnist;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.setun.formats.Sha256;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.nn.Precision;
import org.setun.nn.Quantization;
import org.setun.quant.Int8Absmax;
import org.setun.quant.TernaryAbsmean;
import org.setun.training.StopFlag;
import org.setun.training.Trainer;
import org.setun.training.TrainerBuilder;
import org.setun.training.TrainingResult;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.data.MnistDataset;
import org.setun.training.event.TrainingListener;

/**
 * Trains 784-512-512-10 perceptrons on MNIST, or on any idx files of that form, in batches of 128 with Adam (decay 0) and a cosine schedule:
 * one with ternary weights and 8-bit activations in all layers, and its full-precision twin with the same first weights and batches.
 */
public final class MnistTraining {

    private static final List<Long> HIDDEN = List.of(512L, 512L);
    private static final int BATCH = 128;
    private static final int CLASSES = 10;
    /** Ternary weights like a higher rate: small updates do not flip a code. */
    private static final double TERNARY_RATE = 2e-3;
    private static final double FULL_PRECISION_RATE = 1e-3;

    private final Backend backend;
    private final MnistDataset training;
    private final MnistDataset test;
    private final List<TrainingListener> listeners = new ArrayList<>();
    private @Nullable StopFlag stopFlag;

    public MnistTraining(Backend backend, MnistDataset training, MnistDataset test) {
        this.backend = backend;
        this.training = training;
        this.test = test;
    }

    /** Reads the four files of MNIST, plain or with {@code .gz}, from {@code folder}. */
    public static MnistTraining open(Backend backend, Path folder) throws IOException {
        return new MnistTraining(backend,
                MnistDataset.read(file(folder, "train-images-idx3-ubyte"), file(folder, "train-labels-idx1-ubyte"), CLASSES),
                MnistDataset.read(file(folder, "t10k-images-idx3-ubyte"), file(folder, "t10k-labels-idx1-ubyte"), CLASSES));
    }

    private static String name(boolean ternary, Precision precision) {
        boolean bf16 = precision == Precision.BF16;
        return ternary ? bf16 ? "ternary-bf16" : "ternary" : bf16 ? "bf16" : "fp32";
    }

    private static Path file(Path folder, String name) {
        Path plain = folder.resolve(name);
        return Files.exists(plain) ? plain : folder.resolve(name + ".gz");
    }

    /** Of all images and labels. */
    public String sha256() {
        return Sha256.of(training.sha256() + test.sha256());
    }

    /** Adds a callback to all later runs. */
    public MnistTraining listener(TrainingListener listener) {
        listeners.add(listener);
        return this;
    }

    /** Lets {@code flag} end runs. */
    public MnistTraining stopFlag(StopFlag flag) {
        stopFlag = flag;
        return this;
    }

    /** Trains one model for {@code epochs}, with matrix products of {@code precision}; the result's values are accuracies on the test images, one per epoch. */
    public TrainingResult train(WeightQuantizer weights, Precision precision, int epochs, long seed) throws IOException {
        if (weights != WeightQuantizer.TERNARY && weights != WeightQuantizer.NONE) {
            throw new IllegalArgumentException("weights: " + weights + ", must be TERNARY or NONE: these are the two that are compared");
        }
        long stepsPerEpoch = Math.ceilDiv(training.size(), BATCH);
        boolean ternary = weights == WeightQuantizer.TERNARY;
        TrainingConfig config = ConfigReader.override(TrainingConfig.defaults(),
                List.of("training.seed=" + seed, "training.batch_size=" + BATCH,
                        "training.precision=" + precision.name().toLowerCase(Locale.ROOT), "training.max_steps=" + epochs * stepsPerEpoch,
                        "training.eval_every=" + stepsPerEpoch, "training.eval_steps=0", "training.log_every=" + stepsPerEpoch,
                        "optimizer.beta2=0.999", "optimizer.weight_decay=0", "schedule.warmup_steps=" + Math.min(100, stepsPerEpoch),
                        "schedule.min_learning_rate=0", "schedule.learning_rate=" + (ternary ? TERNARY_RATE : FULL_PRECISION_RATE)));
        Quantization quantization = ternary ? new Quantization(new TernaryAbsmean(), new Int8Absmax()) : Quantization.NONE;
        try (MemoryPool pool = new MemoryPool(backend); Workspace workspace = new Workspace(backend)) {
            MnistTask task = new MnistTask(training, test, HIDDEN, quantization, pool, seed);
            TrainerBuilder builder = Trainer.builder(backend, task, config).run(name(ternary, precision));
            listeners.forEach(builder::listener);
            if (stopFlag != null) {
                builder.stopFlag(stopFlag);
            }
            return builder.build(pool, workspace).train();
        }
    }
}
