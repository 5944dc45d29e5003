package org.setun.training.optimizer;

import java.util.ArrayList;
import java.util.List;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;

/** Settings of optimizers, by the names of their keys. */
final class Settings {

    private Settings() {
    }

    /** The defaults with beta2 = 0.99, no weight decay and no clipping, and {@code keys} such as {@code kind=lion}. */
    static TrainingConfig.Optimizer of(String... keys) {
        List<String> all = new ArrayList<>(List.of("optimizer.beta2=0.99", "optimizer.weight_decay=0", "optimizer.clip_norm=0"));
        for (String key : keys) {
            all.add("optimizer." + key);
        }
        return ConfigReader.override(TrainingConfig.defaults(), all).optimizer();
    }
}
