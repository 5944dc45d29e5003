package org.setun.training;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;

/**
 * Whether a run can go on from a checkpoint: the same model, quantizers and optimizer; schedules, data and limits may have changed.
 * The schedule of bits may not while it is under way: learned scales belong to its levels.
 */
final class ResumeCheck {

    private static final List<String> SECTIONS = List.of("model", "quantization", "activations");
    private static final List<String[]> KEYS = List.of(new String[]{"optimizer", "kind"}, new String[]{"training", "lora_rank"});

    private ResumeCheck() {
    }

    /**
     * Compares configurations.
     *
     * @throws IllegalArgumentException that names the first key that differs, with both values
     */
    static void require(Checkpoint checkpoint, TrainingConfig config) {
        Map<String, Map<String, Object>> before = checkpoint.state().config();
        Map<String, Map<String, Object>> now = ConfigWriter.toMap(config);
        SECTIONS.forEach(section -> section(checkpoint.folder(), section, before, now));
        if (config.training().loraRank() > 0) { // the matrices are made of their factors anew, with this
            same(checkpoint.folder(), "training.lora_alpha", before.getOrDefault("training", Map.of()).get("lora_alpha"),
                    config.training().loraAlpha());
        }
        if (checkpoint.state().hasMoreBits() || checkpoint.state().hasMoreBits(now)) {
            section(checkpoint.folder(), "progressive", before, now);
        }
        for (String[] key : KEYS) {
            same(checkpoint.folder(), key[0] + "." + key[1], before.getOrDefault(key[0], Map.of()).get(key[1]),
                    now.get(key[0]).get(key[1]));
        }
    }

    private static void section(Path folder, String section, Map<String, Map<String, Object>> before,
            Map<String, Map<String, Object>> now) {
        before.getOrDefault(section, Map.of())
                .forEach((key, value) -> same(folder, section + "." + key, value, now.get(section).get(key)));
    }

    private static void same(Path folder, String key, Object before, Object now) {
        boolean known = before != null && now != null; // a key of another version of the program is none of ours
        boolean equal = before instanceof Number a && now instanceof Number b
                ? a.doubleValue() == b.doubleValue()
                : Objects.equals(String.valueOf(before), String.valueOf(now));
        if (known && !equal) {
            throw new IllegalArgumentException(
                    "checkpoint " + folder + " was made with " + key + " = " + before + ", this configuration has "
                            + now + ": set it back to resume, or choose another checkpoint.folder to begin anew");
        }
    }
}
