package org.setun.training;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.TrainingListener;

/** Describes a run; {@link #build} makes the {@link Trainer}. */
public final class TrainerBuilder {

    final Backend backend;
    final TrainingTask task;
    final TrainingConfig config;
    final List<TrainingListener> listeners = new ArrayList<>();
    String run = "model";
    Map<String, byte[]> files = Map.of();
    @Nullable
    CheckpointStore checkpoints;
    @Nullable
    Checkpoint resume;
    @Nullable
    StopFlag stopFlag;
    Trainer.@Nullable Sampler sampler;
    int microBatch;
    @Nullable
    String warning;

    TrainerBuilder(Backend backend, TrainingTask task, TrainingConfig config) {
        this.backend = backend;
        this.task = task;
        this.config = ConfigReader.check(config);
        microBatch = MemoryPlanner.startingMicroBatch(this.config);
    }

    /** The run's name in events and checkpoints. */
    public TrainerBuilder run(String name) {
        run = name;
        return this;
    }

    /** Adds a callback; callbacks are called in the order in which they were added. */
    public TrainerBuilder listener(TrainingListener listener) {
        listeners.add(listener);
        return this;
    }

    /**
     * Keeps checkpoints.
     *
     * @param store where; stays open, and is closed by the caller
     * @param extra more files for each checkpoint, for instance {@code tokenizer.json}
     */
    public TrainerBuilder checkpoints(CheckpointStore store, Map<String, byte[]> extra) {
        checkpoints = store;
        files = Map.copyOf(extra);
        return this;
    }

    /** Continues where {@code checkpoint} ended. */
    public TrainerBuilder resume(Checkpoint checkpoint) {
        resume = checkpoint;
        return this;
    }

    /** Ends the run after the present step once the flag is raised. */
    public TrainerBuilder stopFlag(StopFlag flag) {
        stopFlag = flag;
        return this;
    }

    /** Runs at most so many samples at once; the default is what {@code training.batch_size} and {@code memory_efficient} say. */
    public TrainerBuilder microBatch(int samples) {
        if (samples < 1) {
            throw new IllegalArgumentException("micro-batch of " + samples + " samples, must be at least 1");
        }
        microBatch = samples;
        return this;
    }

    /** Has the run begin with a warning. */
    public TrainerBuilder warning(String message) {
        warning = message;
        return this;
    }

    /** Completes {@code training.sample_prompt} after each evaluation. */
    public TrainerBuilder sampler(Trainer.Sampler completer) {
        sampler = completer;
        return this;
    }

    /**
     * The trainer.
     *
     * @param pool      for the optimizer's state, which lives as long as the pool's buffers
     * @param workspace for activations; released after each micro-batch
     * @throws IOException if the checkpoint to resume from cannot be read
     */
    public Trainer build(MemoryPool pool, Workspace workspace) throws IOException {
        return new Trainer(this, pool, workspace);
    }
}
