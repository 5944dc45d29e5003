package org.setun.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.nn.Tape;
import org.setun.quant.qat.Rounding;
import org.setun.training.TrainingResult.Point;
import org.setun.training.callback.EarlyStopping;
import org.setun.training.callback.LearningRateSchedule;
import org.setun.training.callback.NanGuard;
import org.setun.training.callback.PeriodicCheckpoints;
import org.setun.training.callback.ReduceOnPlateau;
import org.setun.training.callback.StepPlan;
import org.setun.training.callback.TrainingCallback;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.config.ConfigException;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.ScheduleKind;
import org.setun.training.config.TrainingConfig.Training;
import org.setun.training.event.TrainingEvent;
import org.setun.training.optimizer.LowRank;
import org.setun.training.optimizer.Optimizer;
import org.setun.training.optimizer.QuantizedLayers;
import org.setun.training.progressive.ActivationRanges;
import org.setun.training.progressive.ProgressiveQuantization;
import org.setun.training.progressive.WeightError;

/**
 * The training loop: batch, forward, loss, backward, clip, step, callbacks; now and then an evaluation, a sample and a checkpoint. Made by
 * {@link #builder}; runs once, on the caller's thread. A resumed run continues bit for bit as if it had not stopped.
 */
public final class Trainer {

    /** Completes a prompt with the model in its present state, for the reader of the log. */
    @FunctionalInterface
    public interface Sampler {
        String complete(String prompt, int tokens);
    }

    private final TrainerBuilder options;
    private final TrainingTask task;
    private final Training settings;
    private final ProgressiveQuantization progressive;
    private final ActivationRanges ranges;
    private final Optimizer optimizer;
    private final @Nullable QuantizedLayers layers;
    private final Workspace workspace;
    private final StepRunner runner;
    private final RunState state;
    private final Callbacks callbacks;
    private final RunCheckpoints checkpoints;
    private final SpeedMeter meter;
    private double rate;
    private int skippedInRow;

    Trainer(TrainerBuilder options, MemoryPool pool, Workspace workspace) throws IOException {
        this.options = options;
        this.workspace = workspace;
        task = options.task;
        settings = options.config.training();
        if (!task.model().recompute(settings.recompute()) && settings.recompute()) {
            throw new ConfigException(
                    "training.recompute = true: this model has no blocks, or its quantizers of activations keep something of what they see");
        }
        progressive = new ProgressiveQuantization(task.model(), options.config.progressive(), settings.seed(), task.higherIsBetter(),
                () -> WeightError.relative(options.backend, workspace, task.model()));
        ranges = new ActivationRanges(task.model());
        LowRank lowRank = settings.loraRank() == 0
                ? null
                : new LowRank(options.backend, pool, task.model(), settings.loraRank(), settings.loraAlpha(), settings.seed());
        optimizer = new Optimizer(options.backend, pool, lowRank == null ? task.model().parameters() : lowRank.parameters(),
                options.config.optimizer(), pages());
        try {
            if (lowRank != null) {
                optimizer.constrain(lowRank);
            }
            layers = QuantizedLayers.areWanted(options.config.optimizer())
                    ? new QuantizedLayers(options.backend, pool, task.model(), options.config.optimizer(), options.config.scheduleSteps())
                    : null;
            if (layers != null) {
                optimizer.constrain(layers);
            }
            runner = new StepRunner(task, optimizer, options.backend, workspace, settings.precision(), options.microBatch,
                    settings.reproducible());
            meter = new SpeedMeter(task.unitsPerSample());
            state = new RunState(options.run, task.higherIsBetter(), progressive::hasLastBits);
            callbacks = new Callbacks(options.listeners, ownCallbacks());
            checkpoints = new RunCheckpoints(options, optimizer, callbacks, pool);
            if (options.resume != null) {
                ResumeCheck.require(options.resume, options.config);
                checkpoints.load(options.resume);
                callbacks.restore(options.resume.state().memory());
                state.resume(options.resume.state());
                runner.microBatch(Math.min(options.resume.state().microBatch(), runner.microBatch()));
            }
        } catch (IOException | RuntimeException e) {
            optimizer.close();
            throw e;
        }
    }

    private List<TrainingCallback> ownCallbacks() {
        List<TrainingCallback> own = new ArrayList<>();
        own.add(progressive);
        own.add(new LearningRateSchedule(ScheduleFactory.of(options.config)));
        if (options.config.schedule().kind() == ScheduleKind.PLATEAU) {
            own.add(new ReduceOnPlateau(options.config.schedule(), progressive::isComplete));
        }
        own.add(new NanGuard(options.config.guard(), settings.maxSkippedSteps(), task.chanceLoss()));
        own.add(new PeriodicCheckpoints(options.config.checkpoint(), settings.maxSteps()));
        if (settings.patience() > 0) {
            EarlyStopping stopping = new EarlyStopping(settings.patience(), settings.minDelta(), progressive::isComplete);
            if (options.resume != null) { // its own memory, where the checkpoint has it, replaces this
                options.resume.state().evaluations().forEach(e -> stopping.remember(e.step(), e.loss()));
            }
            own.add(stopping);
        }
        return own;
    }

    /** Where a paged optimizer keeps its state. */
    private Path pages() {
        String folder = options.config.checkpoint().folder();
        return Path.of(folder.isEmpty() ? System.getProperty("java.io.tmpdir") : folder);
    }

    /** Begins the description of a run. */
    public static TrainerBuilder builder(Backend backend, TrainingTask task, TrainingConfig config) {
        return new TrainerBuilder(backend, task, config);
    }

    /**
     * Runs until the last step, the time limit, a listener's or the flag's stop.
     *
     * @throws TrainingException if the run goes wrong and cannot, or may not, go back to a checkpoint
     */
    public TrainingResult train() throws IOException {
        try (optimizer; checkpoints) {
            return steps();
        } catch (TrainingException e) { // what was under way is on disk by now, or has failed
            Path last = callbacks.lastCheckpoint();
            throw last == null ? e : new TrainingException(e.getMessage() + "; the last checkpoint is " + last, e);
        }
    }

    private TrainingResult steps() throws IOException {
        callbacks.emit(new TrainingEvent.Started(state.run, state.step, settings.maxSteps(), task.model().parameterCount(),
                options.backend.toString()));
        task.warnings().forEach(message -> callbacks.emit(new TrainingEvent.Warning(state.run, state.step, message)));
        if (options.warning != null) {
            callbacks.emit(new TrainingEvent.Warning(state.run, state.step, options.warning));
        }
        while (state.step < settings.maxSteps() && callbacks.stopReason() == null) {
            trainStep();
            boolean last = state.step == settings.maxSteps();
            if (state.step % settings.logEvery() == 0 || last) {
                progress();
            }
            if (settings.evalEvery() > 0 && state.step % settings.evalEvery() == 0 || last) {
                evaluate();
            }
            finishStep();
            checkLimits();
        }
        String why = callbacks.stopReason();
        String reason = why == null ? "reached step " + state.step : why;
        if (state.step < settings.maxSteps() && state.step > 0) {
            save(); // stopped early: whatever is configured, the run can be resumed
        }
        progressive.restore();
        checkpoints.finish(state.step);
        double seconds = state.seconds + meter.totalSeconds();
        callbacks.emit(new TrainingEvent.Finished(state.run, state.step, reason, seconds));
        return new TrainingResult(state.run, state.step, state.losses.stream().mapToDouble(Double::doubleValue).toArray(),
                List.copyOf(state.evaluations), state.best, seconds, meter.averageUnitsPerSecond(), state.skipped, reason,
                callbacks.lastCheckpoint());
    }

    private void trainStep() {
        long next = state.step + 1;
        int count = Math.multiplyExact(settings.batchSize(), settings.accumulationSteps());
        long epochs = epochs();
        if (task.samplesPerEpoch() > 0 && (state.samples == 0 || state.samples % task.samplesPerEpoch() < count)) {
            callbacks.each((callback, control) -> callback.beforeEpoch(epochs, control));
        }
        meter.begin();
        task.beginStep(next);
        StepPlan plan = new StepPlan(next);
        callbacks.each((callback, control) -> callback.beforeStep(plan, control));
        rate = plan.learningRate();
        StepRunner.Outcome outcome = runner.run(next, state.samples, count, rate, plan.weightDecayFactor(), () -> ranges.begin(next),
                message -> callbacks.emit(new TrainingEvent.Warning(state.run, state.step, message)));
        meter.end(count);
        state.step = next;
        state.samples += count;
        if (outcome.updated()) {
            ranges.commit(count);
            skippedInRow = 0;
            state.lastLoss = outcome.loss();
            state.losses.add(outcome.loss());
            meter.loss(outcome.loss(), outcome.gradientNorm());
            callbacks.emit(new TrainingEvent.Step(state.run, next, outcome.loss(), rate, outcome.gradientNorm(), state.samples,
                    outcome.terms()));
        } else {
            ranges.discard();
            state.skipped++;
            state.losses.add(Double.NaN);
            skippedInRow++;
            callbacks.emit(new TrainingEvent.Skipped(state.run, next, outcome.loss(), outcome.gradientNorm(), skippedInRow));
        }
        if (epochs() > epochs) {
            callbacks.emit(new TrainingEvent.Epoch(state.run, next, epochs(), state.samples));
        }
    }

    /** How often all data was gone through. */
    private long epochs() {
        return task.samplesPerEpoch() > 0 ? state.samples / task.samplesPerEpoch() : 0;
    }

    /** Does what was asked for during the step. */
    private void finishStep() throws IOException {
        Callbacks.Rollback wish = callbacks.takeRollback();
        if (wish != null) {
            callbacks.takeSave();
            long from = state.step;
            Checkpoint checkpoint = checkpoints.before(wish);
            checkpoints.load(checkpoint);
            callbacks.restore(checkpoint.state().memory());
            state.goBack(checkpoint.state());
            callbacks.emit(new TrainingEvent.RolledBack(state.run, state.step, from, wish.reason()));
        } else if (callbacks.takeSave()) {
            save();
        }
        checkpoints.poll();
    }

    private void save() {
        checkpoints.save(state.toCheckpoint(optimizer.updates(), runner.microBatch(), meter.totalSeconds(), callbacks.memory(),
                ConfigWriter.toMap(options.config)));
    }

    private void progress() {
        callbacks.emit(new TrainingEvent.Progress(state.run, state.step, settings.maxSteps(), meter.meanLoss(), rate,
                meter.lastNorm(), meter.recentUnitsPerSecond(), meter.secondsPerStep() * (settings.maxSteps() - state.step),
                state.skipped));
        meter.startInterval();
        Map<String, QuantizedLayers.CodeChanges> changes = layers == null ? Map.of() : layers.report();
        if (!changes.isEmpty()) {
            callbacks.emit(new TrainingEvent.Codes(state.run, state.step, changes));
        }
    }

    private void evaluate() {
        callbacks.each((callback, control) -> callback.beforeEvaluation(state.step, control));
        try (Rounding _ = Rounding.of(task.model())) {
            TrainingTask.Evaluation result = task.evaluate(Tape.evaluating(options.backend, workspace, settings.precision()),
                    settings.evalSteps());
            boolean better = state.evaluated(new Point(state.step, result.loss(), result.value()));
            callbacks.emit(new TrainingEvent.Evaluated(state.run, state.step, result.loss(), task.metric(), result.value(), better));
            if (options.sampler != null && !settings.samplePrompt().isEmpty()) {
                String text = options.sampler.complete(settings.samplePrompt(), settings.sampleTokens());
                callbacks.emit(new TrainingEvent.Sampled(state.run, state.step, settings.samplePrompt(), text));
            }
        }
    }

    /** Evaluates the whole held-out data with the present weights, without a report. */
    public TrainingTask.Evaluation evaluateAll() {
        try (Rounding _ = Rounding.of(task.model())) {
            return task.evaluate(Tape.evaluating(options.backend, workspace, settings.precision()), 0);
        }
    }

    private void checkLimits() {
        String raised = options.stopFlag == null ? null : options.stopFlag.reason();
        if (raised != null) {
            callbacks.stop(raised);
        }
        if (settings.maxSeconds() > 0 && meter.totalSeconds() >= settings.maxSeconds()) {
            callbacks.stop("reached training.max_seconds = " + settings.maxSeconds());
        }
    }
}
