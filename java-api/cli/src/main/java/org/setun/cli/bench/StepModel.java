package org.setun.cli.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.setun.kernels.Allocator;
import org.setun.training.TrainingTask;
import org.setun.training.config.TrainingConfig;

/**
 * What {@code setun bench train} trains, on made-up data: two decoders with no fewer weights in their products than GPT-2 style ones of the same
 * width (12 dim² a block), and a classifier of images.
 */
public enum StepModel {
    /** dim 256, 4 blocks, 16 windows of 256 tokens, vocabulary 256. */
    DECODER_3M(256, List.of("model.dim=256", "model.layers=4", "model.heads=4", "model.kv_heads=4", "model.ffn=688", "model.context=256",
            "training.batch_size=16")),
    /** dim 512, 8 blocks, 8 windows of 512 tokens, vocabulary 8192. */
    DECODER_30M(8192, List.of("model.dim=512", "model.layers=8", "model.heads=8", "model.kv_heads=8", "model.ffn=1376",
            "model.context=512", "training.batch_size=8")),
    /** 784-512-512-10, batches of 128. */
    MLP(10, List.of("training.batch_size=128", "optimizer.kind=adam", "optimizer.weight_decay=0", "schedule.learning_rate=1e-3"));

    private static final List<String> COMMON = List.of("model.sub_norms=false", "optimizer.beta2=0.999", "schedule.learning_rate=3e-4",
            "schedule.kind=constant", "schedule.warmup_steps=0", "training.eval_every=0", "logging.log_level=off");

    private final int classes;
    private final List<String> settings;

    StepModel(int classes, List<String> settings) {
        this.classes = classes;
        this.settings = settings;
    }

    /** The keys that make a run of it. */
    List<String> settings() {
        List<String> all = new ArrayList<>(COMMON);
        all.addAll(settings);
        return all;
    }

    /** The model in memory of {@code allocator}, with its data. */
    TrainingTask task(TrainingConfig config, Allocator allocator) {
        return this == MLP ? SyntheticTask.images(classes, config, allocator) : SyntheticTask.tokens(classes, config, allocator);
    }

    /**
     * Floating-point operations of a step by the usual count: 6 per sample and weight of a product (the embedding counts as the head), and the
     * products of attention with all positions, seen or not.
     */
    double flops(TrainingConfig config, TrainingTask task) {
        double samples = (double) config.training().batchSize() * config.training().accumulationSteps() * task.unitsPerSample();
        double weights = task.model().parameters().stream().filter(parameter -> parameter.shape().rank() == 2)
                .mapToDouble(parameter -> parameter.shape().size()).sum();
        double attention = this == MLP ? 0 : 12.0 * config.model().layers() * config.model().dim() * config.model().context();
        return samples * (6 * weights + attention);
    }

    /** Steps by default: to warm up, and to time. */
    int[] steps() {
        return this == MLP ? new int[]{200, 400} : new int[]{2, 5};
    }

    /** As it is called on the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
