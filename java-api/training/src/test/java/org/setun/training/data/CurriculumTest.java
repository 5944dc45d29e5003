package org.setun.training.data;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.Curriculum;
import org.setun.training.config.TrainingConfig;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

/** Short sequences and easy windows first, as functions of the step. */
class CurriculumTest {

    private static final int CONTEXT = 8;
    private static final int WINDOWS = 40;

    private static Curriculum curriculum(String... keys) {
        return ConfigReader.override(TrainingConfig.defaults(), List.of(keys)).curriculum();
    }

    @Test
    void lengthsAreDivisorsAndGrow() {
        Curriculum curriculum = curriculum("model.context=48", "curriculum.start_context=6", "curriculum.context_steps=42");
        assertThat(LongStream.of(1, 2, 3, 6, 7, 11, 19, 20, 41, 42, 1000).mapToObj(step -> curriculum.length(step, 48))).containsExactly(6,
                6, 8, 8,
                12, 16, 24, 24, 24, 48, 48);
        assertThat(Curriculum.defaults().length(1, 48)).isEqualTo(48);
    }

    @Test
    void sharesGrowLikeASquareRoot() {
        Curriculum curriculum = curriculum("curriculum.start_share=0.1", "curriculum.share_steps=100");
        assertThat(curriculum.share(1)).isEqualTo(0.1, within(1e-12));
        assertThat(curriculum.share(51)).isEqualTo(Math.sqrt(0.01 + 0.99 * 0.5), within(1e-12));
        assertThat(curriculum.share(100)).isEqualTo(1);
        assertThat(Curriculum.defaults().share(1)).isEqualTo(1);
    }

    /** Every second window has common tokens alone, the others rarer ones the further back they are. */
    private static TokenFile tokens(Path folder) throws IOException {
        int[] ids = new int[CONTEXT * WINDOWS + 1];
        for (int i = 0; i < ids.length; i++) {
            int window = i / CONTEXT;
            ids[i] = window % 2 == 0 ? i % 2 : 10 + (i % CONTEXT < window / 5 + 2 ? i : 1);
        }
        Path file = folder.resolve("tokens");
        TokenFile.write(file, 400, new byte[32], sink -> sink.accept(ids, ids.length));
        return TokenFile.open(file, new byte[32]);
    }

    @Test
    void easyWindowsComeFirst(@TempDir Path folder) throws IOException {
        try (TokenFile file = tokens(folder); Arena arena = Arena.ofConfined()) {
            TokenDataset all = new TokenDataset(file, CONTEXT, 7);
            TokenDataset dataset = new TokenDataset(file, CONTEXT, 7);
            MemorySegment ids = arena.allocate(ValueLayout.JAVA_INT, CONTEXT);
            MemorySegment targets = arena.allocate(ValueLayout.JAVA_INT, CONTEXT);
            dataset.easiest(0.25);
            Set<Long> starts = new HashSet<>();
            for (long sample = 0; sample < dataset.windows(); sample++) {
                dataset.training(sample, 1, ids, targets);
                starts.add(dataset.trainingStart(sample));
            }
            assertThat(starts).hasSize(10);
            assertThat(starts.stream().map(start -> start % (2 * CONTEXT)).distinct()).as("every second window").hasSize(1);
            long even = all.trainingStart(0) % CONTEXT;
            assertThat(starts.iterator().next() % (2 * CONTEXT)).as("those of common tokens").isEqualTo(even);
            dataset.easiest(1);
            for (long sample = 0; sample < 3 * dataset.windows(); sample++) {
                assertThat(dataset.trainingStart(sample)).as("the order without it").isEqualTo(all.trainingStart(sample));
            }
            assertThatIllegalArgumentException().isThrownBy(() -> dataset.easiest(0)).withMessageContaining("share of the windows: 0.0");
        }
    }
}
