package org.setun.training.lm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.training.ForkedJvm;
import org.setun.training.TrainingResult;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.TrainingConfig.WeightQuantizer;
import org.setun.training.lm.LanguageModelTraining.Resume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/** A run that stops, for whatever reason, goes on with the same losses, bit for bit. */
class ResumeTest {

    private static final int STEPS = 40;

    @TempDir
    static Path shared;
    private static Path text;

    @TempDir
    Path folder;

    @BeforeAll
    static void writeText() throws IOException {
        text = Runs.text(shared);
    }

    private static TrainingResult run(Path checkpoints, int steps, WeightQuantizer weights, Resume resume) throws IOException {
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(
                        Runs.config(text, checkpoints, "training.max_steps=" + steps, "training.eval_every=10", "checkpoint.save_every=10"),
                        backend)) {
            return training.train(weights, resume).result();
        }
    }

    private static byte[] model(Path checkpoints, String run) throws IOException {
        Path newest = CheckpointStore.list(checkpoints.resolve(run)).getLast();
        return Files.readAllBytes(newest.resolve("model.safetensors"));
    }

    @ParameterizedTest
    @EnumSource(WeightQuantizer.class)
    void twiceTwentyStepsAreForty(WeightQuantizer weights) throws IOException {
        String run = LanguageModelTraining.name(weights);
        TrainingResult whole = run(folder.resolve("whole"), STEPS, weights, Resume.NEW);
        TrainingResult first = run(folder.resolve("parts"), STEPS / 2, weights, Resume.NEW);
        TrainingResult second = run(folder.resolve("parts"), STEPS, weights, Resume.LATEST);
        assertThat(first.losses()).containsExactly(Arrays.copyOf(whole.losses(), STEPS / 2));
        assertThat(second.losses()).containsExactly(Arrays.copyOfRange(whole.losses(), STEPS / 2, STEPS));
        assertThat(second.evaluations()).isEqualTo(whole.evaluations());
        assertThat(model(folder.resolve("parts"), run)).isEqualTo(model(folder.resolve("whole"), run));
        assertThat(whole.losses()[STEPS - 1]).as("it learns").isLessThan(0.7 * whole.losses()[0]);
    }

    @Test
    void theSameSeedGivesTheSameModelAndAnotherSeedAnother() throws IOException {
        double[] a = run(folder.resolve("a"), 4, WeightQuantizer.TERNARY, Resume.NEW).losses();
        double[] b = run(folder.resolve("b"), 4, WeightQuantizer.TERNARY, Resume.NEW).losses();
        assertThat(a).containsExactly(b);
        assertThat(model(folder.resolve("a"), "ternary")).isEqualTo(model(folder.resolve("b"), "ternary"));
        try (Backend backend = Backends.open();
                LanguageModelTraining training = LanguageModelTraining.open(
                        Runs.config(text, folder.resolve("c"), "training.max_steps=4", "training.seed=43"), backend)) {
            assertThat(training.train(Resume.NEW).result().losses()).isNotEqualTo(a);
        }
    }

    @Test
    void killedAndResumedTheLossesAreThoseOfAnUninterruptedRun() throws Exception {
        TreeMap<Long, String> whole = losses(folder.resolve("whole"), -1, false);
        TreeMap<Long, String> killed = losses(folder.resolve("killed"), 17, false);
        assertThat(killed.lastKey()).isLessThan(STEPS);
        TreeMap<Long, String> resumed = losses(folder.resolve("killed"), -1, false);
        assertThat(resumed.firstKey()).as("resumes from a checkpoint, not from the start").isGreaterThan(10);
        assertThat(whole).hasSize(STEPS).containsAllEntriesOf(killed).containsAllEntriesOf(resumed);
        assertThat(resumed.lastKey()).isEqualTo(STEPS);
    }

    @Test
    void interruptedTheRunSavesWhereItStopped() throws Exception {
        TreeMap<Long, String> interrupted = losses(folder.resolve("run"), 8, true);
        assertThat(interrupted.lastKey()).isLessThan(400);
        Path newest = CheckpointStore.list(folder.resolve("run").resolve("ternary")).getLast();
        assertThat(newest.getFileName()).hasToString(String.format("step-%08d", interrupted.lastKey()));
        assertThat(CheckpointStore.latest(folder.resolve("run").resolve("ternary"), false).orElseThrow().state().step())
                .isEqualTo(interrupted.lastKey());
    }

    /** The losses by step of a run in another process that is killed, or interrupted, after it has done {@code until} steps. */
    private static TreeMap<Long, String> losses(Path checkpoints, long until, boolean interrupt) throws Exception {
        TreeMap<Long, String> losses = new TreeMap<>();
        try (ForkedJvm jvm = ForkedJvm.start(ForkedRun.class, text.toString(), checkpoints.toString(), interrupt ? "400" : "" + STEPS)) {
            for (String line = jvm.line(); line != null; line = jvm.line()) {
                String[] parts = line.split(" ");
                losses.put(Long.parseLong(parts[0]), parts[1]);
                if (losses.lastKey() == until) {
                    if (interrupt) {
                        jvm.interrupt();
                    } else {
                        jvm.kill();
                    }
                }
            }
        }
        return losses;
    }

    @Test
    void aNewRunDoesNotTouchOldCheckpoints() throws IOException {
        run(folder, 2, WeightQuantizer.TERNARY, Resume.NEW);
        assertThatIllegalArgumentException().isThrownBy(() -> run(folder, 4, WeightQuantizer.TERNARY, Resume.NEW))
                .withMessageContaining("holds step-00000002");
        assertThat(List.of(run(folder, 4, WeightQuantizer.TERNARY, Resume.LATEST).losses())).hasSize(1);
    }
}
