package org.setun.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.PoolExhaustedException;
import org.setun.kernels.Workspace;
import org.setun.nn.Parameter;
import org.setun.nn.Tape;
import org.setun.quant.qat.Rounding;
import org.setun.training.TrainingResult.Point;
import org.setun.training.checkpoint.Checkpoint;
import org.setun.training.checkpoint.CheckpointSaver;
import org.setun.training.checkpoint.CheckpointStore;
import org.setun.training.checkpoint.NamedTensor;
import org.setun.training.checkpoint.TrainingState;
import org.setun.training.config.ConfigWriter;
import org.setun.training.config.TrainingConfig;
import org.setun.training.config.TrainingConfig.Training;
import org.setun.training.event.EarlyStopping;
import org.setun.training.event.TrainingEvent;
import org.setun.training.event.TrainingListener;
import org.setun.training.optimizer.LowRank;
import org.setun.training.optimizer.Optimizer;
import org.setun.training.optimizer.QuantizedLayers;
import org.setun.training.progressive.ActivationRanges;
import org.setun.training.progressive.ProgressiveQuantization;
import org.setun.training.schedule.Schedule;

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
    private final Schedule schedule;
    private final ProgressiveQuantization progressive;
    private final ActivationRanges ranges;
    private final Optimizer optimizer;
    private final @Nullable QuantizedLayers layers;
    private final Workspace workspace;
    private final StepRunner runner;
    private final List<TrainingListener> listeners;
    private final List<Double> losses = new ArrayList<>();
    private final List<Point> evaluations = new ArrayList<>();
    private @Nullable Point best;
    private @Nullable String stopReason;
    private @Nullable Path lastCheckpoint;
    private long savedStep = -1;
    private long step;
    private long samples;
    private long skipped;
    private int skippedInRow;
    private double lastLoss = Double.NaN;
    private double secondsBefore;
    private final SpeedMeter meter;
    private final @Nullable CheckpointSaver saver;

    Trainer(TrainerBuilder options, MemoryPool pool, Workspace workspace) throws IOException {
        this.options = options;
        this.workspace = workspace;
        task = options.task;
        settings = options.config.training();
        schedule = ScheduleFactory.of(options.config);
        progressive = new ProgressiveQuantization(task.model(), options.config.progressive(), settings.seed());
        ranges = new ActivationRanges(task.model());
        LowRank lowRank = settings.loraRank() == 0
                ? null
                : new LowRank(options.backend, pool, task.model(), settings.loraRank(), settings.loraAlpha(), settings.seed());
        optimizer = new Optimizer(options.backend, pool, lowRank == null ? task.model().parameters() : lowRank.parameters(),
                options.config.optimizer(), pages());
        if (lowRank != null) {
            optimizer.constrain(lowRank);
        }
        layers = QuantizedLayers.areWanted(options.config.optimizer())
                ? new QuantizedLayers(options.backend, pool, task.model(), options.config.optimizer(), options.config.scheduleSteps())
                : null;
        if (layers != null) {
            optimizer.constrain(layers);
        }
        runner = new StepRunner(task, optimizer, options.backend, workspace, settings.precision(),
                settings.memoryEfficient() ? 1 : settings.batchSize());
        meter = new SpeedMeter(task.unitsPerSample());
        listeners = new ArrayList<>(options.listeners);
        try {
            if (options.resume != null) {
                restore(options.resume);
            }
            saver = options.checkpoints == null ? null : saver(options.checkpoints, pool);
        } catch (IOException | RuntimeException e) {
            optimizer.close();
            throw e;
        }
        if (settings.patience() > 0) {
            EarlyStopping stopping = new EarlyStopping(settings.patience(), settings.minDelta());
            evaluations.forEach(point -> stopping.remember(point.loss()));
            listeners.add(stopping);
        }
    }

    /** State that is paged because memory is short has no copy in memory, nor has state that no copy fits beside. */
    private CheckpointSaver saver(CheckpointStore store, MemoryPool pool) {
        boolean background = options.config.checkpoint().background() && !options.config.optimizer().paged();
        try {
            return new CheckpointSaver(store, NamedTensor.of(task.model()), optimizer.state(), background ? pool : null);
        } catch (PoolExhaustedException e) {
            emit(new TrainingEvent.Warning(options.run, step, "checkpoints stop the loop while they are written: no memory for a copy: "
                    + e.getMessage()));
            return new CheckpointSaver(store, NamedTensor.of(task.model()), optimizer.state(), null);
        }
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

    /** Runs until the last step, the time limit, a listener's or the flag's stop, or too many steps that are not finite. */
    public TrainingResult train() throws IOException {
        try (optimizer; saver) {
            return steps();
        }
    }

    private TrainingResult steps() throws IOException {
        emit(new TrainingEvent.Started(options.run, step, settings.maxSteps(), task.model().parameterCount(), options.backend.toString()));
        while (step < settings.maxSteps() && stopReason == null) {
            trainStep();
            boolean last = step == settings.maxSteps();
            if (step % settings.logEvery() == 0 || last) {
                progress();
            }
            boolean isBest = (settings.evalEvery() > 0 && step % settings.evalEvery() == 0 || last) && evaluate();
            long every = options.config.checkpoint().saveEvery();
            if (options.config.checkpoint().saveBestOnly() ? isBest : every > 0 && step % every == 0 || last) {
                save();
            }
            if (saver != null) {
                saver.poll().forEach(this::report);
            }
            checkLimits();
        }
        String reason = stopReason == null ? "reached step " + step : stopReason;
        if (step < settings.maxSteps() && step > 0) {
            save(); // stopped early: whatever is configured, the run can be resumed
        }
        progressive.restore();
        finishSaving();
        double seconds = secondsBefore + meter.totalSeconds();
        emit(new TrainingEvent.Finished(options.run, step, reason, seconds));
        return new TrainingResult(options.run, step, losses.stream().mapToDouble(Double::doubleValue).toArray(), List.copyOf(evaluations),
                best, seconds, meter.averageUnitsPerSecond(), skipped, reason, lastCheckpoint);
    }

    private void trainStep() {
        int count = Math.multiplyExact(settings.batchSize(), settings.accumulationSteps());
        double rate = schedule.learningRate(step + 1);
        meter.begin();
        progressive.prepare(step + 1);
        StepRunner.Outcome outcome = runner.run(samples, count, rate, schedule.weightDecayFactor(step + 1), () -> ranges.begin(step + 1),
                message -> emit(new TrainingEvent.Warning(options.run, step, message)));
        meter.end(count);
        if (outcome.updated()) {
            ranges.commit(count);
        } else {
            ranges.discard();
        }
        step++;
        samples += count;
        if (outcome.updated()) {
            skippedInRow = 0;
            lastLoss = outcome.loss();
            losses.add(lastLoss);
            meter.loss(outcome.loss(), outcome.gradientNorm());
            emit(new TrainingEvent.Step(options.run, step, outcome.loss(), rate, outcome.gradientNorm(), samples, outcome.terms()));
        } else {
            skipped++;
            skippedInRow++;
            losses.add(Double.NaN);
            emit(new TrainingEvent.Skipped(options.run, step, outcome.loss(), outcome.gradientNorm(), skippedInRow));
            if (skippedInRow >= settings.maxSkippedSteps()) {
                if (saver != null) {
                    saver.join().forEach(this::report);
                }
                throw new TrainingException("step " + step + ": the loss (" + outcome.loss() + ") or the gradient norm ("
                        + outcome.gradientNorm() + ") was not finite in " + skippedInRow
                        + " steps in a row; lower schedule.learning_rate or"
                        + " check the data" + (lastCheckpoint == null ? "" : "; the last checkpoint is " + lastCheckpoint));
            }
        }
    }

    private void progress() {
        emit(new TrainingEvent.Progress(options.run, step, settings.maxSteps(), meter.meanLoss(), schedule.learningRate(Math.max(step, 1)),
                meter.lastNorm(), meter.recentUnitsPerSecond(), meter.secondsPerStep() * (settings.maxSteps() - step), skipped));
        meter.startInterval();
        Map<String, QuantizedLayers.CodeChanges> changes = layers == null ? Map.of() : layers.report();
        if (!changes.isEmpty()) {
            emit(new TrainingEvent.Codes(options.run, step, changes));
        }
    }

    /** Evaluates and reports; returns whether the result is a number and no evaluation before was as good. */
    private boolean evaluate() {
        try (Rounding _ = Rounding.of(task.model())) {
            return evaluateRounded();
        }
    }

    private boolean evaluateRounded() {
        TrainingTask.Evaluation result = task.evaluate(Tape.evaluating(options.backend, workspace, settings.precision()),
                settings.evalSteps());
        Point point = new Point(step, result.loss(), result.value());
        evaluations.add(point);
        boolean better = keepBest(point);
        emit(new TrainingEvent.Evaluated(options.run, step, point.loss(), task.metric(), point.value(), better));
        if (options.sampler != null && !settings.samplePrompt().isEmpty()) {
            String text = options.sampler.complete(settings.samplePrompt(), settings.sampleTokens());
            emit(new TrainingEvent.Sampled(options.run, step, settings.samplePrompt(), text));
        }
        return better;
    }

    private boolean keepBest(Point point) {
        Point before = best;
        boolean better = !Double.isNaN(point.value()) && (before == null
                || (task.higherIsBetter() ? point.value() > before.value() : point.value() < before.value()));
        if (better) {
            best = point;
        }
        return better;
    }

    /** Evaluates the whole held-out data with the present weights, without a report. */
    public TrainingTask.Evaluation evaluateAll() {
        try (Rounding _ = Rounding.of(task.model())) {
            return task.evaluate(Tape.evaluating(options.backend, workspace, settings.precision()), 0);
        }
    }

    private void checkLimits() {
        String raised = options.stopFlag == null ? null : options.stopFlag.reason();
        if (stopReason == null && raised != null) {
            stopReason = raised;
        }
        if (stopReason == null && settings.maxSeconds() > 0 && meter.totalSeconds() >= settings.maxSeconds()) {
            stopReason = "reached training.max_seconds = " + settings.maxSeconds();
        }
    }

    private void emit(TrainingEvent event) {
        for (TrainingListener listener : listeners) {
            listener.on(event, reason -> {
                if (stopReason == null) {
                    stopReason = reason;
                }
            });
        }
    }

    private void save() {
        if (saver == null || savedStep == step) {
            return;
        }
        List<TrainingState.Evaluation> points = evaluations.stream()
                .map(p -> new TrainingState.Evaluation(p.step(), p.loss(), p.value(), true)).toList();
        TrainingState state = new TrainingState(options.run, step, optimizer.updates(), samples, skipped, runner.microBatch(),
                secondsBefore + meter.totalSeconds(), lastLoss, points, Map.of(), ConfigWriter.toMap(options.config));
        saver.save(state, options.files);
        savedStep = step;
    }

    /** A save that failed is survived: the next one tries again. */
    private void report(CheckpointSaver.Outcome outcome) {
        if (outcome.failure() == null) {
            lastCheckpoint = outcome.folder();
            emit(new TrainingEvent.Saved(options.run, outcome.step(), outcome.folder(), outcome.stallSeconds(), outcome.seconds()));
        } else {
            emit(new TrainingEvent.Warning(options.run, outcome.step(), unsaved(outcome)));
        }
    }

    private String unsaved(CheckpointSaver.Outcome outcome) {
        return "saving checkpoint " + outcome.folder() + " failed: " + outcome.failure() + ". "
                + (lastCheckpoint == null ? "There is no earlier one" : "The last whole one is " + lastCheckpoint)
                + "; make room there or choose another checkpoint.folder";
    }

    /** Waits for the last save. If that fails, the end of the run is not on disk, and the caller must know. */
    private void finishSaving() throws IOException {
        if (saver == null) {
            return;
        }
        for (CheckpointSaver.Outcome outcome : saver.join()) {
            report(outcome);
            if (outcome.failure() != null && outcome.step() == step) {
                throw new IOException(unsaved(outcome), outcome.failure());
            }
        }
    }

    private void restore(Checkpoint checkpoint) throws IOException {
        TrainingState state = checkpoint.state();
        checkpoint.loadWeights(NamedTensor.of(task.model()));
        task.model().parameters().forEach(Parameter::markChanged);
        checkpoint.loadMoments(optimizer.state());
        optimizer.updates(state.updates());
        step = state.step();
        samples = state.samples();
        skipped = state.skipped();
        runner.microBatch(Math.min(state.microBatch(), runner.microBatch()));
        secondsBefore = state.seconds();
        lastLoss = state.loss();
        lastCheckpoint = checkpoint.folder();
        savedStep = step;
        for (TrainingState.Evaluation e : state.evaluations()) {
            Point point = new Point(e.step(), e.loss(), e.value());
            evaluations.add(point);
            keepBest(point);
        }
    }
}
