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
import org.setun.training.callback.EarlyStopping;
import org.setun.training.callback.ReduceOnPlateau;
import org.setun.training.callback.StepPlan;
import org.setun.training.callback.TrainingCallback;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.TrainingEvent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Callbacks of a user: when they are called, what they can change, what they remember. */
class CallbacksTest {

    private final Backend backend = Backends.open();
    private final MemoryPool pool = new MemoryPool(backend);
    private final BlobTask task = new BlobTask(pool, 1);
    private final List<TrainingEvent> events = new ArrayList<>();

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        pool.close();
        backend.close();
    }

    private TrainingResult train(int steps, UnaryOperator<TrainerBuilder> more) throws IOException {
        TrainingConfig config = ConfigReader.override(TrainingConfig.defaults(),
                List.of("training.batch_size=8", "training.max_steps=" + steps, "training.eval_every=2", "training.log_every=100",
                        "schedule.kind=constant", "schedule.learning_rate=0.01", "schedule.warmup_steps=0", "checkpoint.save_every=2",
                        "checkpoint.background=false"));
        try (Workspace workspace = new Workspace(backend)) {
            return more.apply(Trainer.builder(backend, task, config)).listener((event, control) -> events.add(event))
                    .build(pool, workspace).train();
        }
    }

    /** Writes down every call; halves the rate at each step, from what it remembers. */
    private static final class Recorder implements TrainingCallback {
        private final List<String> calls = new ArrayList<>();
        private double factor = 1;

        @Override
        public void beforeStep(StepPlan plan, Control control) {
            calls.add("before step " + plan.step());
            factor /= 2;
            plan.learningRate(plan.learningRate() * factor);
        }

        @Override
        public void afterStep(StepResult result, Control control) {
            calls.add("after step " + result.step() + (result.updated() ? "" : " skipped"));
        }

        @Override
        public void beforeEpoch(long epoch, Control control) {
            calls.add("before epoch " + epoch);
        }

        @Override
        public void afterEpoch(TrainingEvent.Epoch epoch, Control control) {
            calls.add("after epoch " + epoch.epoch());
        }

        @Override
        public void beforeEvaluation(long step, Control control) {
            calls.add("before evaluation " + step);
        }

        @Override
        public void afterEvaluation(TrainingEvent.Evaluated evaluation, Control control) {
            calls.add("after evaluation " + evaluation.step());
        }

        @Override
        public void beforeSave(long step, Control control) {
            calls.add("before save " + step);
        }

        @Override
        public void afterSave(TrainingEvent.Saved save, Control control) {
            calls.add("after save " + save.step());
        }

        @Override
        public String name() {
            return "recorder";
        }

        @Override
        public Map<String, Double> state() {
            return Map.of("factor", factor);
        }

        @Override
        public void restore(Map<String, Double> state) {
            factor = state.get("factor");
        }
    }

    @Test
    void eachIsCalledBeforeAndAfter() throws IOException {
        task.epoch = 16; // two steps
        task.poisoned = step -> step == 2;
        Recorder recorder = new Recorder();
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true)) {
            train(3, builder -> builder.listener(recorder).checkpoints(store, Map.of()));
        }
        assertThat(recorder.calls).containsExactly("before epoch 0", "before step 1", "after step 1", "before step 2",
                "after step 2 skipped",
                "after epoch 1", "before evaluation 2", "after evaluation 2", "before save 2", "after save 2", "before epoch 1",
                "before step 3",
                "after step 3", "before evaluation 3", "after evaluation 3", "before save 3", "after save 3");
    }

    @Test
    void aPlanIsFollowedAndWhatIsRememberedOutlastsAResume() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true)) {
            train(2, builder -> builder.listener(new Recorder()).checkpoints(store, Map.of()));
            Checkpoint checkpoint = store.latest(false).orElseThrow();
            train(4, builder -> builder.listener(new Recorder()).resume(checkpoint));
        }
        assertThat(events.stream().filter(TrainingEvent.Step.class::isInstance).map(event -> ((TrainingEvent.Step) event).learningRate()))
                .containsExactly(0.01 / 2, 0.01 / 4, 0.01 / 8, 0.01 / 16);
    }

    @Test
    void aCallbackCanAskForASaveAndForTheEnd() throws IOException {
        try (CheckpointStore store = CheckpointStore.open(folder, 0, true)) {
            TrainingResult result = train(50, builder -> builder.checkpoints(store, Map.of()).listener(new TrainingCallback() {
                @Override
                public void afterStep(StepResult step, Control control) {
                    if (step.step() == 3) {
                        control.save();
                    } else if (step.step() == 5) {
                        control.stop("enough");
                    }
                }
            }));
            assertThat(result.stopReason()).isEqualTo("enough");
            assertThat(store.list()).extracting(path -> path.getFileName().toString()).containsExactly("step-00000002", "step-00000003",
                    "step-00000004", "step-00000005");
        }
    }

    @Test
    void whatCannotWorkIsRefused() throws IOException {
        assertThatIllegalArgumentException().isThrownBy(() -> train(2, builder -> builder.listener(new TrainingCallback() {
            @Override
            public void beforeStep(StepPlan plan, Control control) {
                plan.learningRate(Double.NaN);
            }
        }))).withMessageContaining("learning rate of step 1: NaN");
        events.clear();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> train(2, builder -> builder.listener(new Recorder()).listener(new Recorder())))
                .withMessageContaining("two callbacks have the name recorder");
        assertThat(events).as("before anything else").isEmpty();
        assertThatThrownBy(() -> train(2, builder -> builder.listener((event, control) -> {
            throw new IllegalStateException("an exception ends the run");
        }))).hasMessageContaining("an exception ends the run");
    }

    private static TrainingEvent.Evaluated evaluated(long step, double loss) {
        return new TrainingEvent.Evaluated("t", step, loss, "m", 0, false);
    }

    private static double rate(TrainingCallback callback, double rate) {
        StepPlan plan = new StepPlan(1);
        plan.learningRate(rate);
        callback.beforeStep(plan, reason -> {
        });
        return plan.learningRate();
    }

    @Test
    void aPlateauLowersTheRateAndRemembersIt() {
        TrainingConfig.Schedule settings = ConfigReader.override(TrainingConfig.defaults(), List.of("schedule.kind=plateau",
                "schedule.plateau_factor=0.5", "schedule.plateau_patience=2", "schedule.plateau_delta=0.1",
                "schedule.min_learning_rate=0.3"))
                .schedule();
        ReduceOnPlateau plateau = new ReduceOnPlateau(settings, step -> step > 2);
        double[] losses = {1, 1, 5, 4, 3.95, 3.92, 3.91}; // the first two do not count, the fifth and sixth are no better
        for (int i = 0; i < losses.length; i++) {
            assertThat(rate(plateau, 1)).as("before evaluation %d", i).isEqualTo(i < 6 ? 1 : 0.5);
            plateau.on(evaluated(i + 1, losses[i]), reason -> {
            });
        }
        ReduceOnPlateau resumed = new ReduceOnPlateau(settings, step -> true);
        resumed.restore(plateau.state());
        assertThat(resumed.state()).isEqualTo(plateau.state());
        resumed.on(evaluated(9, 3.95), reason -> {
        });
        assertThat(rate(resumed, 1)).as("not below the least").isEqualTo(0.3);
        assertThat(rate(resumed, 0.1)).as("but a warm-up is").isEqualTo(0.1);
    }

    @Test
    void earlyStoppingWaitsForTheQuantization() {
        EarlyStopping stopping = new EarlyStopping(2, 0, step -> step > 4);
        List<String> stops = new ArrayList<>();
        double[] losses = {1, 2, 3, 4, 5, 4.5, 4.6, 4.7}; // up to step 4 weights become quantized, and the loss rises
        for (int i = 0; i < losses.length; i++) {
            stopping.on(evaluated(i + 1, losses[i]), stops::add);
            assertThat(stops).as("step %d", i + 1).hasSize(i < 7 ? 0 : 1);
        }
        assertThat(stops.getFirst()).contains("4.5");
    }
}
