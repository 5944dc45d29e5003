package org.setun.training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.formats.FormatException;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.checkpoint.FailingStore;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.JsonLines;
import org.setun.training.event.TrainingEvent;
import org.setun.training.event.TrainingEvent.RolledBack;
import org.setun.training.event.TrainingEvent.Step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Runs that go wrong: they go back to the last good checkpoint, or end with a message that names cause and remedy; what is on disk stays good. */
class GuardTest {

    private final Backend backend = Backends.open();
    private final MemoryPool pool = new MemoryPool(backend);
    private final List<TrainingEvent> events = new ArrayList<>();
    private BlobTask task = new BlobTask(pool, 1);

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        pool.close();
        backend.close();
    }

    private static TrainingConfig config(String... overrides) {
        List<String> keys = new ArrayList<>(List.of("training.batch_size=8", "training.max_steps=12", "training.eval_every=0",
                "training.eval_steps=0", "training.log_every=100", "schedule.kind=constant", "schedule.learning_rate=0.01",
                "schedule.warmup_steps=0", "checkpoint.save_every=2", "training.max_skipped_steps=3"));
        keys.addAll(List.of(overrides));
        return ConfigReader.override(TrainingConfig.defaults(), keys);
    }

    private TrainingResult train(TrainingConfig config, UnaryOperator<TrainerBuilder> more) throws IOException {
        events.clear();
        try (Workspace workspace = new Workspace(backend)) {
            return more.apply(Trainer.builder(backend, task, config).listener((event, control) -> events.add(event))).build(pool, workspace)
                    .train();
        }
    }

    private TrainingResult train(CheckpointStore store, String... overrides) throws IOException {
        return train(config(overrides), builder -> builder.checkpoints(store, Map.of()));
    }

    private <T extends TrainingEvent> List<T> all(Class<T> type) {
        return events.stream().filter(type::isInstance).map(type::cast).toList();
    }

    @Test
    void nanBatchesSendTheRunBackWithALowerRateAndOtherData() throws IOException {
        task.poisonedSamples = first -> first >= 32 && first < 56; // steps 5 to 7
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true)) {
            TrainingResult result = train(store, "guard.lr_factor=0.25");
            assertThat(all(RolledBack.class)).singleElement().satisfies(back -> {
                assertThat(back.step()).as("the last checkpoint from before the fault").isEqualTo(4);
                assertThat(back.from()).isEqualTo(7);
                assertThat(back.reason()).contains("was not finite in 3 steps in a row", "lower schedule.learning_rate", "check the data");
            });
            assertThat(result.steps()).isEqualTo(12);
            assertThat(result.skipped()).isEqualTo(3);
            assertThat(task.penalized).as("penalties go with the step, not with the data, which goes on")
                    .containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L, 5L, 6L, 7L, 8L, 9L, 10L, 11L, 12L);
            assertThat(result.losses()).hasSize(12).doesNotContain(Double.NaN);
            assertThat(all(Step.class).stream().map(Step::learningRate).distinct()).containsExactly(0.01, 0.0025);
            assertThat(all(Step.class).getLast().samples()).as("the data went on").isEqualTo(8 * 15);
            assertThat(store.list()).extracting(path -> path.getFileName().toString()).containsExactly("step-00000002", "step-00000004",
                    "step-00000006", "step-00000008", "step-00000010", "step-00000012");
        }
    }

    @Test
    void aRunThatWentBackResumesBitForBit() throws IOException {
        task.poisonedSamples = first -> first >= 32 && first < 56;
        TrainingResult whole;
        try (CheckpointStore store = CheckpointStore.open(folder.resolve("whole"), 0, true)) {
            whole = train(store);
        }
        for (int stop : new int[]{5, 6, 9}) { // in the middle of the fault, just after going back, and later
            Path parts = folder.resolve("parts" + stop);
            task = new BlobTask(pool, 1);
            task.poisonedSamples = first -> first >= 32 && first < 56;
            try (CheckpointStore store = CheckpointStore.open(parts, 0, true)) {
                train(store, "training.max_steps=" + stop);
                task = new BlobTask(pool, 2);
                task.poisonedSamples = first -> first >= 32 && first < 56;
                Checkpoint latest = store.latest(false).orElseThrow();
                TrainingResult rest = train(config(), builder -> builder.checkpoints(store, Map.of()).resume(latest));
                assertThat(rest.losses()[rest.losses().length - 1]).isEqualTo(whole.losses()[11]);
                assertThat(Files.readAllBytes(store.pathOf(12).resolve("model.safetensors")))
                        .isEqualTo(Files.readAllBytes(folder.resolve("whole").resolve("step-00000012").resolve("model.safetensors")));
            }
        }
    }

    @Test
    void afterSoManyTimesTheRunEnds() throws IOException {
        task.poisoned = step -> step > 4;
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true)) {
            assertThatThrownBy(() -> train(store, "training.max_steps=50", "guard.max_rollbacks=2")).isInstanceOf(TrainingException.class)
                    .hasMessageContaining("after going back 2 times (guard.max_rollbacks)")
                    .hasMessageContaining("the last checkpoint is " + store.pathOf(6))
                    .hasMessageContaining("lower schedule.learning_rate or check the data");
            assertThat(all(RolledBack.class)).hasSize(2);
            assertThat(store.latest(false).orElseThrow().state().step()).isLessThanOrEqualTo(6);
        }
        assertThat(task.model().parameter("layers.0.weight").value().toArray()).doesNotContain(Float.NaN);
    }

    @Test
    void aDivergingRunIsNoticedAndLeavesAGoodCheckpoint() throws IOException {
        String[] wild = {"schedule.learning_rate=10", "training.max_steps=60", "guard.window=4", "checkpoint.save_every=1"};
        try (CheckpointStore store = CheckpointStore.open(folder.resolve("ends"), 0, true)) {
            assertThatThrownBy(
                    () -> train(store, Stream.concat(Stream.of(wild), Stream.of("guard.max_rollbacks=0")).toArray(String[]::new)))
                    .isInstanceOf(TrainingException.class).hasMessageContaining("the run diverges: the mean loss of 4 steps is")
                    .hasMessageContaining("lower schedule.learning_rate").hasMessageContaining("the last checkpoint is");
            task = new BlobTask(pool, 1);
            Checkpoint latest = store.latest(false).orElseThrow();
            train(config("training.max_steps=" + latest.state().step()), builder -> builder.resume(latest));
            assertThat(task.model().parameter("layers.0.weight").value().toArray()).doesNotContain(Float.NaN);
        }
        task = new BlobTask(pool, 1);
        try (CheckpointStore store = CheckpointStore.open(folder.resolve("recovers"), 0, true)) {
            train(store, "training.max_steps=6");
            Checkpoint tame = store.latest(false).orElseThrow();
            TrainingResult result = train(config("schedule.learning_rate=10", "training.max_steps=60", "guard.window=4",
                    "guard.lr_factor=0.001"), builder -> builder.checkpoints(store, Map.of()).resume(tame));
            assertThat(all(RolledBack.class)).isNotEmpty();
            assertThat(result.steps()).isEqualTo(60);
            assertThat(result.losses()[result.losses().length - 1]).isLessThan(0.9);
        }
        task = new BlobTask(pool, 1);
        assertThat(train(config("schedule.learning_rate=10", "guard.divergence=0", "training.max_steps=30"), builder -> builder).steps())
                .as("not looked for").isEqualTo(30);
    }

    @Test
    void withoutACheckpointFromBeforeTheMessageSaysWhatToDo() throws IOException {
        task.poisoned = step -> step > 1;
        assertThatThrownBy(() -> train(config(), builder -> builder)).isInstanceOf(TrainingException.class)
                .hasMessageContaining("was not finite").hasMessageContaining("set checkpoint.folder");
        task = new BlobTask(pool, 1);
        task.poisoned = step -> step > 1;
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true)) {
            assertThatThrownBy(() -> train(store, "checkpoint.save_every=10")).isInstanceOf(TrainingException.class)
                    .hasMessageContaining("no checkpoint in " + folder).hasMessageContaining("lower checkpoint.save_every");
        }
    }

    /** The folder vanishes and comes back, as a full disk does. */
    @Test
    void aSaveThatFailsIsAWarningUnlessItIsTheLast() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder.resolve("run"), 0, true)) {
            train(config("checkpoint.background=false"), builder -> builder.checkpoints(store, Map.of()).listener((event, control) -> {
                if (event instanceof Step step && (step.step() == 4 || step.step() == 5)) {
                    move(step.step() == 4);
                }
            }));
            assertThat(all(TrainingEvent.Warning.class)).singleElement().satisfies(warning -> assertThat(warning.message())
                    .contains("step-00000004 failed", "NoSuchFile", "The last whole one is", "step-00000002", "make room"));
            assertThat(store.latest(false).orElseThrow().state().step()).isEqualTo(12);
            assertThatThrownBy(() -> train(config("training.max_steps=6"), builder -> builder.checkpoints(store, Map.of())
                    .listener((event, control) -> {
                        if (event instanceof Step step && step.step() == 6) {
                            move(true);
                        }
                    }))).isInstanceOf(IOException.class).hasMessageContaining("step-00000006 failed").hasMessageContaining("make room");
            move(false);
            assertThat(store.latest(false).orElseThrow().state().step()).as("what was there stays").isEqualTo(12);
        }
    }

    /** The last checkpoint is on disk, though an older one cannot be removed: a warning, not a failed run. */
    @Test
    void olderCheckpointsThatStayDoNotFailTheRun() throws IOException {
        try (CheckpointStore store = FailingStore.open(folder, true, "prune"::equals)) {
            TrainingResult result = train(store, "training.max_steps=4");
            assertThat(result.checkpoint()).isEqualTo(store.pathOf(4));
            assertThat(all(TrainingEvent.Saved.class)).extracting(TrainingEvent::step).containsExactly(2L, 4L);
            assertThat(all(TrainingEvent.Warning.class)).hasSize(2).last().satisfies(warning -> assertThat(warning.message())
                    .contains("step-00000004 is whole, but after it was written", "Input/output error", "the next save tries again"));
        }
    }

    /** The guard may end the run while a save is under way: it is waited for, and told of. */
    @Test
    void theEndByTheGuardTellsOfTheSaveUnderWay() throws IOException {
        String[] keys = {"training.max_skipped_steps=1", "guard.max_rollbacks=0"};
        task.poisoned = step -> step > 4;
        try (CheckpointStore store = CheckpointStore.open(folder.resolve("run"), 0, true)) {
            assertThatThrownBy(() -> train(store, keys)).isInstanceOf(TrainingException.class)
                    .hasMessageContaining("the last checkpoint is " + store.pathOf(4));
            assertThat(all(TrainingEvent.Saved.class)).extracting(TrainingEvent::step).containsExactly(2L, 4L);
            task = new BlobTask(pool, 1);
            task.poisoned = step -> step > 6;
            assertThatThrownBy(() -> train(config("training.max_skipped_steps=1", "guard.max_rollbacks=0", "checkpoint.save_every=6"),
                    builder -> builder.checkpoints(store, Map.of()).listener((event, control) -> {
                        if (event instanceof Step step && step.step() == 6) {
                            move(true);
                        }
                    }))).isInstanceOf(TrainingException.class).hasMessageNotContaining("the last checkpoint is");
            assertThat(all(TrainingEvent.Warning.class)).singleElement()
                    .satisfies(warning -> assertThat(warning.message()).contains("step-00000006 failed", "There is no earlier one",
                            "make room"));
            move(false);
        }
    }

    /** The run is told once, after the event, and keeps its checkpoints. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void aLogOnAFullDiskIsAWarning() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true); JsonLines log = new JsonLines(Path.of("/dev/full"))) {
            TrainingResult result = train(config(), builder -> builder.checkpoints(store, Map.of()).listener(log));
            assertThat(result.steps()).isEqualTo(12);
            assertThat(all(TrainingEvent.Warning.class)).singleElement().satisfies(warning -> {
                assertThat(warning.run()).isEqualTo("model");
                assertThat(warning.message()).contains("cannot write /dev/full", "No space left");
            });
            assertThat(events.get(0)).isInstanceOf(TrainingEvent.Started.class);
            assertThat(events.get(1)).isInstanceOf(TrainingEvent.Warning.class);
            assertThat(store.list()).hasSize(6);
        }
    }

    private void move(boolean away) {
        try {
            Files.move(folder.resolve(away ? "run" : "away"), folder.resolve(away ? "away" : "run"));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            optimizer.kind=lion         | optimizer.kind = adamw | lion
            model.dim=128               | model.dim = 256 | 128
            quantization.weights=none   | quantization.weights = ternary | none
            quantization.bits=4         | quantization.bits = 2.0 | 4.0
            activations.bits=4          | activations.bits = 8 | 4
            activations.symmetric=false | activations.symmetric = true | false
            """)
    void anotherModelQuantizerOrOptimizerCannotResume(String override, String before, String now) throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true)) {
            train(store, "training.max_steps=2");
            Checkpoint latest = store.latest(false).orElseThrow();
            assertThatThrownBy(() -> train(config(override), builder -> builder.resume(latest)))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("was made with " + before)
                    .hasMessageContaining("this configuration has " + now).hasMessageContaining("choose another checkpoint.folder");
            assertThat(train(config("schedule.learning_rate=0.002"), builder -> builder.resume(latest)).steps())
                    .as("a schedule may change").isEqualTo(12);
        }
    }

    private static TrainingConfig bits(int end, String... more) {
        List<String> keys = new ArrayList<>(
                List.of("quantization.weights=uniform", "progressive.kind=bit_width", "progressive.start_bits=8",
                        "progressive.start_step=0", "progressive.end_step=" + end));
        keys.addAll(List.of(more));
        return config(keys.toArray(String[]::new));
    }

    /** In the middle learned scales are those of the old schedule's levels; afterwards, and with other kinds, schedules may change. */
    @Test
    void theScheduleOfBitsStaysWhileItIsUnderWay() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true)) {
            train(bits(4), builder -> builder.checkpoints(store, Map.of()));
            Checkpoint middle = Checkpoint.open(store.pathOf(2));
            assertThatThrownBy(() -> train(bits(4, "progressive.start_bits=6"), builder -> builder.resume(middle)))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("was made with progressive.start_bits = 8");
            assertThatThrownBy(() -> train(bits(6), builder -> builder.resume(middle))).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("was made with progressive.end_step = 4");
            Checkpoint done = Checkpoint.open(store.pathOf(6));
            assertThatThrownBy(() -> train(bits(10), builder -> builder.resume(done))).as("it would begin again")
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("was made with progressive.end_step = 4");
            assertThat(train(bits(6, "progressive.start_bits=5"), builder -> builder.resume(done)).steps()).as("it is over in both")
                    .isEqualTo(12);
        }
        try (CheckpointStore store = CheckpointStore.open(folder.resolve("mix"), 0, true)) {
            train(store, "progressive.kind=mix", "progressive.end_step=8");
            Checkpoint middle = Checkpoint.open(store.pathOf(2));
            assertThat(train(config("progressive.kind=mix", "progressive.end_step=10"), builder -> builder.resume(middle)).steps())
                    .isEqualTo(12);
        }
    }

    @Test
    void stateOfOtherSettingsOfTheOptimizerIsNamed() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true)) {
            train(store, "training.max_steps=2");
            Path newest = store.list().stream().max(Comparator.naturalOrder()).orElseThrow();
            Checkpoint latest = Checkpoint.open(newest);
            task = new BlobTask(pool, 1, new org.setun.nn.Quantization(new org.setun.quant.TernaryAbsmean(), null));
            assertThatThrownBy(() -> train(config("optimizer.track_codes=true"), builder -> builder.resume(latest)))
                    .isInstanceOf(FormatException.class).hasMessageContaining("optimizer.safetensors").hasMessageContaining(".codes'")
                    .hasMessageContaining("is missing");
        }
    }
}
