package org.setun.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.PoolExhaustedException;
import org.setun.nn.Model;
import org.setun.nn.Parameter;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.checkpoint.CheckpointSaver;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.checkpoint.NamedTensor;
import org.setun.training.checkpoint.TrainingState;
import org.setun.training.event.TrainingEvent;
import org.setun.training.optimizer.Optimizer;

/** The checkpoints of a run, if it keeps any: saving them, saying so, and going back to them. */
final class RunCheckpoints implements AutoCloseable {

    private final TrainerBuilder options;
    private final Model model;
    private final Optimizer optimizer;
    private final Callbacks callbacks;
    private final @Nullable CheckpointSaver saver;
    private long savedStep = -1;
    private CheckpointSaver.@Nullable Outcome failure; // of the last save that was told, if it failed

    RunCheckpoints(TrainerBuilder options, Optimizer optimizer, Callbacks callbacks, MemoryPool pool) {
        this.options = options;
        this.optimizer = optimizer;
        this.callbacks = callbacks;
        model = options.task.model();
        saver = options.checkpoints == null ? null : saver(options.checkpoints, pool);
    }

    /** State that is paged because memory is short has no copy in memory, nor has state that no copy fits beside. */
    private CheckpointSaver saver(CheckpointStore store, MemoryPool pool) {
        List<NamedTensor> tensors = NamedTensor.of(model);
        boolean background = options.config.checkpoint().background() && !options.config.optimizer().paged()
                && options.config.training().memoryLimitMb() == 0;
        try {
            return new CheckpointSaver(store, tensors, optimizer.state(), background ? pool : null);
        } catch (PoolExhaustedException e) {
            callbacks.emit(new TrainingEvent.Warning(options.run, 0,
                    "checkpoints stop the loop while they are written: no memory for a copy: " + e.getMessage()));
            return new CheckpointSaver(store, tensors, optimizer.state(), null);
        }
    }

    /** Loads a checkpoint into model and optimizer. */
    void load(Checkpoint checkpoint) throws IOException {
        checkpoint.loadWeights(NamedTensor.of(model));
        model.parameters().forEach(Parameter::markChanged);
        checkpoint.loadMoments(optimizer.state());
        optimizer.updates(checkpoint.state().updates());
        savedStep = checkpoint.state().step();
        callbacks.lastCheckpoint(checkpoint.folder());
    }

    /** Saves, unless this step is saved already. */
    void save(TrainingState state) {
        if (saver != null && savedStep != state.step()) {
            callbacks.each((callback, control) -> callback.beforeSave(state.step(), control));
            saver.save(state, options.files);
            savedStep = state.step();
        }
    }

    /** Reports saves that have ended. */
    void poll() {
        if (saver != null) {
            saver.poll().forEach(this::report);
        }
    }

    /** Waits for the last save. If it was that of {@code step} and failed, the end of the run is not on disk, and the caller must know. */
    void finish(long step) throws IOException {
        if (saver == null) {
            return;
        }
        saver.join().forEach(this::report);
        CheckpointSaver.Outcome outcome = failure; // which may have been told before, if it failed at once
        if (outcome != null && outcome.step() == step) {
            throw new IOException(failed(outcome), outcome.failure());
        }
    }

    /** The newest whole checkpoint that is not newer than the wish; what is newer is deleted. */
    Checkpoint before(Callbacks.Rollback wish) throws IOException {
        CheckpointStore store = options.checkpoints;
        if (saver == null || store == null) {
            throw new TrainingException(wish.reason() + "; nothing to go back to: set checkpoint.folder, or guard.max_rollbacks = 0");
        }
        saver.join().forEach(this::report);
        return store.before(wish.step()).orElseThrow(() -> new TrainingException(wish.reason() + "; there is no checkpoint in "
                + store.folder() + " from before step " + (wish.step() + 1) + " to go back to: lower checkpoint.save_every"));
    }

    /** A save that failed is survived: the next one tries again. */
    private void report(CheckpointSaver.Outcome outcome) {
        failure = outcome.failure() == null ? null : outcome;
        if (outcome.failure() == null) {
            callbacks.lastCheckpoint(outcome.folder());
            callbacks.emit(new TrainingEvent.Saved(options.run, outcome.step(), outcome.folder(), outcome.stallSeconds(),
                    outcome.seconds()));
            IOException trouble = outcome.trouble();
            if (trouble != null) {
                callbacks.emit(new TrainingEvent.Warning(options.run, outcome.step(),
                        "checkpoint " + outcome.folder() + " is whole, but after it was written: "
                                + trouble + "; older ones may be left over: the next save tries again"));
            }
        } else {
            callbacks.emit(new TrainingEvent.Warning(options.run, outcome.step(), failed(outcome)));
        }
    }

    private String failed(CheckpointSaver.Outcome outcome) {
        Path last = callbacks.lastCheckpoint();
        return "saving checkpoint " + outcome.folder() + " failed: " + outcome.failure() + ". "
                + (last == null ? "There is no earlier one" : "The last whole one is " + last)
                + "; make room there or choose another checkpoint.folder";
    }

    /** Reports the last save also if the run ends with an exception. */
    @Override
    public void close() {
        if (saver != null) {
            try (saver) {
                saver.join().forEach(this::report);
            }
        }
    }
}
