package org.setun.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.kernels.Backend;
import org.setun.kernels.Backends;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.nn.Quantization;
import org.setun.quant.TernaryAbsmean;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.JsonLines;
import org.setun.training.event.TrainingEvent;
import org.setun.training.event.TrainingEvent.Evaluated;
import org.setun.training.event.TrainingEvent.Progress;
import org.setun.training.event.TrainingEvent.Step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

/** The loop on a small classifier: each setting has its effect, events come in order, failures are survived or explained. */
class TrainerTest {

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
                "schedule.warmup_steps=0", "checkpoint.save_every=0"));
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

    private TrainingResult train(String... overrides) throws IOException {
        return train(config(overrides), builder -> builder);
    }

    private <T extends TrainingEvent> List<T> all(Class<T> type) {
        return events.stream().filter(type::isInstance).map(type::cast).toList();
    }

    private List<Long> steps(Class<? extends TrainingEvent> type) {
        return all(type).stream().map(TrainingEvent::step).toList();
    }

    @Test
    void callbacksSeeTheLoopInOrder() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true)) {
            train(config("training.max_steps=4", "training.log_every=2", "training.eval_every=2", "checkpoint.save_every=2",
                    "checkpoint.background=false", "training.sample_prompt=\"x\""),
                    builder -> builder.checkpoints(store, Map.of()).sampler((prompt, tokens) -> "y" + tokens));
        }
        assertThat(events.stream().map(event -> event.getClass().getSimpleName() + event.step())).containsExactly("Started0", "Step1",
                "Step2",
                "Progress2", "Evaluated2", "Sampled2", "Saved2", "Step3", "Step4", "Progress4", "Evaluated4", "Sampled4", "Saved4",
                "Finished4");
        assertThat(all(TrainingEvent.Sampled.class).getFirst().text()).isEqualTo("y48");
    }

    @Test
    void listenersAreCalledInTheOrderTheyWereAdded() throws IOException {
        List<String> calls = new ArrayList<>();
        train(config("training.max_steps=1"), builder -> builder.listener((e, c) -> calls.add("a")).listener((e, c) -> calls.add("b")));
        assertThat(calls.subList(0, 4)).containsExactly("a", "b", "a", "b");
    }

    @Test
    void anEvaluationThatIsNoNumberIsNeverTheBest() throws IOException {
        task.evaluations = new double[]{Double.NaN, 3, 2, Double.NaN};
        TrainingResult result = train("training.max_steps=4", "training.eval_every=1");
        assertThat(all(Evaluated.class).stream().map(Evaluated::best)).containsExactly(false, true, true, false);
        assertThat(result.best()).isNotNull().extracting(TrainingResult.Point::value).isEqualTo(2.0);
    }

    /** Evaluations of more bits than a model is trained for are better, and not of that model. */
    @Test
    void aModelOfMoreBitsIsNeverTheBest() throws IOException {
        String[] keys = {"quantization.weights=uniform", "quantization.bits=2", "progressive.kind=bit_width", "progressive.start_bits=4",
                "progressive.start_step=0", "progressive.end_step=3", "training.max_steps=5", "training.eval_every=1",
                "checkpoint.save_every=1"};
        task.evaluations = new double[]{1, 1.5, 3, 2.5, 2.75};
        try (CheckpointStore store = CheckpointStore.open(folder.resolve("all"), 1, false)) {
            TrainingResult result = train(config(keys), builder -> builder.checkpoints(store, Map.of()));
            assertThat(all(Evaluated.class).stream().map(Evaluated::best)).containsExactly(false, false, true, true, false);
            assertThat(result.best()).isNotNull().extracting(TrainingResult.Point::step).isEqualTo(4L);
            assertThat(store.list()).as("the best and the newest").containsExactly(store.pathOf(4), store.pathOf(5));
        }
        task = new BlobTask(pool, 1);
        task.evaluations = new double[]{1, 1.5, 3, 2.5, 2.75};
        TrainingConfig bestOnly = ConfigReader.override(config(keys), List.of("checkpoint.save_best_only=true"));
        try (CheckpointStore store = CheckpointStore.open(folder.resolve("best"), 0, false)) {
            train(bestOnly, builder -> builder.checkpoints(store, Map.of()).listener((event, control) -> {
                if (event instanceof Evaluated evaluated && evaluated.step() == 2) {
                    control.stop("to be resumed");
                }
            }));
            Checkpoint checkpoint = store.latest(false).orElseThrow();
            assertThat(checkpoint.state().hasMoreBits()).isTrue();
            assertThat(store.best()).isEmpty();
            TrainingResult rest = train(bestOnly, builder -> builder.checkpoints(store, Map.of()).resume(checkpoint));
            assertThat(rest.best()).isNotNull().extracting(TrainingResult.Point::step).isEqualTo(4L);
            assertThat(store.list()).containsExactly(store.pathOf(2), store.pathOf(3), store.pathOf(4));
            assertThat(store.latest(false).orElseThrow().state().hasMoreBits()).isFalse();
        }
    }

    @Test
    void patienceOutlastsAResume() throws IOException {
        task.evaluations = new double[]{1, 2, 2, 2, 2, 2};
        try (CheckpointStore store = CheckpointStore.open(folder, 0, false)) {
            train(config("training.max_steps=3", "training.eval_every=1", "training.patience=4"),
                    builder -> builder.checkpoints(store, Map.of()));
            Checkpoint checkpoint = store.latest(false).orElseThrow();
            TrainingResult resumed = train(config("training.max_steps=9", "training.eval_every=1", "training.patience=4"),
                    builder -> builder.resume(checkpoint));
            assertThat(resumed.steps()).as("the best is step 1; four evaluations later").isEqualTo(5);
        }
    }

    @Test
    void itLearns() throws IOException {
        TrainingResult result = train("training.max_steps=60", "training.eval_every=20");
        assertThat(result.losses()).hasSize(60);
        assertThat(result.losses()[59]).isLessThan(result.losses()[0] / 2);
        assertThat(result.finalValue()).isGreaterThan(0.9);
        assertThat(result.best()).isNotNull();
        assertThat(result.steps()).isEqualTo(60);
        assertThat(result.unitsPerSecond()).isPositive();
        assertThat(result.stopReason()).isEqualTo("reached step 60");
    }

    @Test
    void maxStepsLogEveryAndEvalEveryCount() throws IOException {
        train("training.max_steps=7", "training.log_every=3", "training.eval_every=2");
        assertThat(steps(Step.class)).containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L);
        assertThat(steps(Progress.class)).containsExactly(3L, 6L, 7L);
        assertThat(steps(Evaluated.class)).containsExactly(2L, 4L, 6L, 7L);
        double mean = all(Step.class).subList(3, 6).stream().mapToDouble(Step::loss).average().orElseThrow();
        assertThat(all(Progress.class).get(1).loss()).isEqualTo(mean, within(1e-12));
        assertThat(all(Step.class).getLast().samples()).isEqualTo(56);
    }

    @Test
    void evalStepsLimitsAnEvaluation() throws IOException {
        train("training.max_steps=1", "training.eval_steps=3");
        assertThat(task.lastEvaluationBatches).isEqualTo(3);
    }

    @Test
    void maxSecondsStops() throws IOException {
        TrainingResult result = train("training.max_steps=100000000", "training.max_seconds=0.2");
        assertThat(result.stopReason()).contains("training.max_seconds");
        assertThat(result.seconds()).isBetween(0.2, 20.0);
    }

    @Test
    void patienceStops() throws IOException {
        task.evaluations = new double[]{1, 2, 3, 4, 5};
        TrainingResult result = train("training.max_steps=50", "training.eval_every=2", "training.patience=2");
        assertThat(result.steps()).isEqualTo(6);
        assertThat(result.stopReason()).contains("no better evaluation");
    }

    @Test
    void saveEveryAndTheLimitOfCheckpoints() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 2, true)) {
            train(config("training.max_steps=9", "checkpoint.save_every=2"), builder -> builder.checkpoints(store, Map.of()));
            assertThat(steps(TrainingEvent.Saved.class)).containsExactly(2L, 4L, 6L, 8L, 9L);
            assertThat(store.list()).hasSize(2);
        }
    }

    @Test
    void saveBestOnlySavesTheBest() throws IOException {
        task.evaluations = new double[]{3, 1, 2, 0.5, 4};
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true)) {
            train(config("training.max_steps=10", "training.eval_every=2", "checkpoint.save_best_only=true", "checkpoint.save_every=1"),
                    builder -> builder.checkpoints(store, Map.of()));
        }
        assertThat(steps(TrainingEvent.Saved.class)).containsExactly(2L, 4L, 8L);
    }

    @Test
    void aListenerAndAFlagStopAndTheStateIsSaved() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true); StopFlag flag = new StopFlag()) {
            TrainingResult result = train(config("training.max_steps=50"), builder -> builder.checkpoints(store, Map.of()).stopFlag(flag)
                    .listener((event, control) -> {
                        if (event instanceof Step step && step.step() == 3) {
                            flag.raise("enough");
                        }
                    }));
            assertThat(result.stopReason()).isEqualTo("enough");
            assertThat(result.steps()).isEqualTo(3);
            assertThat(store.latest(false).orElseThrow().state().step()).isEqualTo(3);
        }
        assertThat(train(config("training.max_steps=50"), builder -> builder.listener((event, control) -> control.stop("now"))).steps())
                .isZero();
    }

    @Test
    void accumulationAndSingleSampleMicroBatchesMakeTheSameUpdates() throws IOException {
        double[] whole = train("training.batch_size=8").losses();
        task = new BlobTask(pool, 1);
        double[] accumulated = train("training.batch_size=2", "training.accumulation_steps=4").losses();
        assertThat(task.largestBatch).isEqualTo(2);
        task = new BlobTask(pool, 1);
        double[] single = train("training.batch_size=8", "training.memory_efficient=true").losses();
        assertThat(task.largestBatch).isEqualTo(1);
        for (int i = 0; i < whole.length; i++) {
            assertThat(accumulated[i]).isEqualTo(whole[i], within(1e-4));
            assertThat(single[i]).isEqualTo(whole[i], within(1e-4));
        }
    }

    @Test
    void aStepThatIsNotFiniteIsSkippedAndReported() throws IOException {
        task.poisoned = step -> step == 3;
        TrainingResult result = train("training.max_steps=6");
        assertThat(result.skipped()).isEqualTo(1);
        assertThat(result.losses()[2]).isNaN();
        assertThat(result.losses()[3]).isFinite();
        assertThat(steps(TrainingEvent.Skipped.class)).containsExactly(3L);
        assertThat(task.model().parameter("layers.0.weight").value().toArray()).doesNotContain(Float.NaN);
        assertThat(all(Progress.class).getLast().skipped()).isEqualTo(1);
    }

    @Test
    void tooManyStepsThatAreNotFiniteEndTheRunAndTheCheckpointStays() throws IOException {
        task.poisoned = step -> step > 4;
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true)) {
            assertThatThrownBy(() -> train(config("training.max_steps=50", "training.max_skipped_steps=3", "checkpoint.save_every=2",
                    "checkpoint.background=false", "guard.max_rollbacks=0"),
                    builder -> builder.checkpoints(store, Map.of()))).isInstanceOf(TrainingException.class)
                    .hasMessageContaining("step 7: the loss (NaN)").hasMessageContaining("3 steps in a row")
                    .hasMessageContaining("step-00000006");
            assertThat(store.latest(false).orElseThrow().state().step()).isEqualTo(6);
        }
        assertThat(task.model().parameter("layers.0.weight").value().toArray()).doesNotContain(Float.NaN);
    }

    @Test
    void whenMemoryRunsOutTheMicroBatchShrinks() throws IOException {
        try (MemoryPool small = MemoryPool.builder(backend).slabBytes(1 << 16).budget(3 << 16).build();
                Workspace workspace = new Workspace(small, 1 << 16)) {
            task = new BlobTask(pool, 1);
            TrainingResult result = Trainer.builder(backend, task, config("training.batch_size=512", "training.max_steps=3"))
                    .listener((event, control) -> events.add(event)).build(pool, workspace).train();
            assertThat(result.losses()).hasSize(3).doesNotContain(Double.NaN);
            assertThat(all(TrainingEvent.Warning.class)).isNotEmpty();
            assertThat(all(TrainingEvent.Warning.class).getFirst().message()).contains("going on with micro-batches of 256");
            assertThat(workspace.statistics().inUse()).as("nothing is left behind").isZero();
            task = new BlobTask(pool, 1);
            Trainer exact = Trainer.builder(backend, task, config("training.batch_size=512", "training.reproducible=true"))
                    .build(pool, workspace);
            assertThatThrownBy(exact::train).isInstanceOf(TrainingException.class).hasMessageContaining("micro-batch of 512")
                    .hasMessageContaining("training.reproducible").hasMessageContaining("lower training.batch_size");
        }
    }

    @Test
    void theScheduleIsFollowed() throws IOException {
        train("training.max_steps=4", "schedule.kind=two_stage", "schedule.learning_rate=0.004", "schedule.first_stage_end=0.002",
                "schedule.second_stage_peak=0.001", "schedule.min_learning_rate=0");
        assertThat(all(Step.class).stream().map(Step::learningRate)).containsExactly(0.004, 0.002, 0.001, 0.0);
    }

    @Test
    void twinsAreCompared() throws IOException {
        task.evaluations = new double[]{0.8};
        TrainingResult a = train("training.max_steps=1");
        task.evaluations = new double[]{1.0};
        TrainingResult twin = train("training.max_steps=1");
        assertThat(a.accuracyRetention(twin, true)).isEqualTo(0.8);
        assertThat(a.accuracyRetention(twin, false)).isEqualTo(1.25);
    }

    @Test
    void codesAreReportedWithTheProgress() throws IOException {
        task = new BlobTask(pool, 1, new Quantization(new TernaryAbsmean(), null));
        train("training.max_steps=20", "training.log_every=10", "optimizer.track_codes=true");
        assertThat(steps(TrainingEvent.Codes.class)).containsExactly(10L, 20L);
        TrainingEvent.Codes codes = all(TrainingEvent.Codes.class).getFirst();
        assertThat(codes.layers()).hasSameSizeAs(task.model().linears());
        assertThat(codes.layers().values()).anyMatch(layer -> layer.changed() > 0);
        assertThat(JsonLines.fields(codes)).containsKeys("event", "layers");
        train("training.max_steps=2");
        assertThat(steps(TrainingEvent.Codes.class)).as("only if asked for").isEmpty();
    }
}
