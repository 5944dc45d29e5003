package org.setun.cli.study.qat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.setun.training.StopFlag;
import org.setun.training.event.TrainingEvent;
import org.setun.training.event.TrainingListener;

/** Small texts and models for tests of studies. */
final class StudyTexts {

    /** A decoder that trains in milliseconds. */
    static final List<String> TINY = List.of("tokenizer.vocab_size=280", "model.dim=32", "model.layers=1", "model.heads=2",
            "model.kv_heads=2",
            "model.ffn=48", "model.context=16", "training.batch_size=4");

    private static final List<String> WORDS = List.of("the", "cat", "sees", "a", "dog", "and", "likes", "tea", "never", "paints", "red",
            "stones");

    private StudyTexts() {
    }

    /** Sentences drawn with a seed. */
    static Path write(Path file, int sentences, long seed) throws IOException {
        Random random = new Random(seed);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < sentences; i++) {
            for (int word = 0; word < 6; word++) {
                text.append(WORDS.get(random.nextInt(WORDS.size()))).append(word < 5 ? " " : " .\n");
            }
        }
        return Files.writeString(file, text);
    }

    static TrainingListener none() {
        return (event, control) -> {
        };
    }

    /** Raises {@code flag} after {@code steps} steps of all runs together. */
    static TrainingListener stopsAfter(int steps, StopFlag flag) {
        int[] left = {steps};
        return (event, control) -> {
            if (event instanceof TrainingEvent.Step && --left[0] == 0) {
                flag.raise("enough");
            }
        };
    }
}
