package org.setun.cli.quickstart;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;

/** The configuration of the quickstart: a decoder of 1.3 million ternary weights, small enough to see four
 * megabytes of text in two minutes, in a shape whose files llama.cpp reads. */
final class QuickstartConfig {

    private static final List<String> COMMON = List.of("data.held_out=0.05", "data.max_bytes=4000000", "tokenizer.vocab_size=2048",
            "model.dim=256", "model.layers=2", "model.heads=4", "model.kv_heads=4", "model.ffn=512", "model.context=256",
            "training.batch_size=8", "training.eval_steps=12", "training.log_every=10", "schedule.kind=cosine",
            "schedule.learning_rate=4e-3", "schedule.min_learning_rate=1e-4", "checkpoint.save_every=0", "checkpoint.save_total_limit=1",
            "logging.log_level=warn");

    private QuickstartConfig() {
    }

    static TrainingConfig of(QuickstartData data, Path folder, long seed, List<String> overrides) {
        List<String> settings = new ArrayList<>(COMMON);
        settings.add("data.paths=[" + ConfigWriter.quoted(data.path()) + "]");
        settings.add("data.glob=" + ConfigWriter.quoted(data.glob()));
        settings.add("checkpoint.folder=" + ConfigWriter.quoted(folder));
        settings.add("training.seed=" + seed);
        settings.addAll(overrides);
        return ConfigReader.override(TrainingConfig.defaults(), settings);
    }

    /** A run of {@code steps} updates with about ten evaluations. */
    static List<String> length(long steps) {
        return List.of("training.max_steps=" + steps, "training.eval_every=" + Math.max(1, steps / 10),
                "schedule.warmup_steps=" + Math.min(steps / 10, 40));
    }
}
