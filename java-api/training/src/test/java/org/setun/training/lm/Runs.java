package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;

/** Small language model runs: a text of made-up sentences and a decoder that learns it in seconds. */
final class Runs {

    private static final String[] SUBJECTS = {"the cat", "a dog", "my friend", "the old man", "nobody", "the queen"};
    private static final String[] VERBS = {"sees", "likes", "finds", "paints", "never forgets"};
    private static final String[] OBJECTS = {"the house", "a tree", "the river", "an apple", "the moon", "seven stones"};

    private Runs() {
    }

    /** A folder with a file of sentences. */
    static Path text(Path folder) throws IOException {
        Random random = new Random(1);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 3000; i++) {
            text.append(SUBJECTS[random.nextInt(SUBJECTS.length)]).append(' ').append(VERBS[random.nextInt(VERBS.length)]).append(' ')
                    .append(OBJECTS[random.nextInt(OBJECTS.length)]).append(".\n");
        }
        return Files.writeString(Files.createDirectories(folder).resolve("text.txt"), text);
    }

    /** A configuration for {@link #text}; {@code overrides} come last. */
    static TrainingConfig config(Path text, Path checkpoints, String... overrides) {
        List<String> keys = new ArrayList<>(List.of("data.paths=[\"" + text + "\"]", "data.held_out=0.1", "tokenizer.vocab_size=300",
                "model.dim=32", "model.layers=2", "model.heads=2", "model.kv_heads=1", "model.ffn=64", "model.context=16",
                "training.batch_size=4", "training.max_steps=12", "training.eval_every=0", "training.eval_steps=4", "training.log_every=1",
                "schedule.learning_rate=0.01", "schedule.warmup_steps=2", "schedule.total_steps=100",
                "checkpoint.folder=\"" + checkpoints + "\"",
                "checkpoint.save_every=0", "logging.log_level=off"));
        keys.addAll(List.of(overrides));
        return ConfigReader.override(TrainingConfig.defaults(), keys);
    }

    /** Removes a folder with all that is in it. */
    static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
