package org.setun.cli.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.Workspace;
import org.setun.training.Trainer;
import org.setun.training.TrainingTask;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.TrainingEvent;

/** {@code setun bench train}: times whole steps of training (batch, forward, loss, backward, clip, update) as the training loop makes them. */
public final class StepBench {

    /**
     * What to time.
     *
     * @param overrides  keys of the training configuration, {@code section.key=value}
     * @param warmUp     steps before the first that counts; below 0: as the model says
     * @param steps      steps that count; 0: as the model says
     * @param operations also time each operation, which costs a few microseconds a call
     */
    public record Plan(StepModel model, StepMode mode, int threads, List<String> overrides, int warmUp, int steps, boolean operations) {

        public Plan {
            if (threads < 1 || steps < 0) {
                throw new IllegalArgumentException("threads = " + threads + ", steps = " + steps + ": must be at least 1 and 0");
            }
        }
    }

    /**
     * Times and memory of one plan.
     *
     * @param msMedian      of a step
     * @param msBest        the shortest step
     * @param cpuMs         of all threads, mean of a step
     * @param unitsPerS     tokens or images per second, by the median
     * @param gflopS        by the usual count, {@link StepModel#flops}
     * @param firstLoss     of the first step
     * @param lastLoss      of the last step
     * @param memoryBytes   peak of parameters, gradients, state, codes and activations
     * @param residentBytes peak of the process, JVM included, of all plans until now; 0 if the system does not tell
     * @param operations    where the time went, longest first, if it was asked for
     */
    public record Result(String model, String mode, int threads, String isa, long parameters, double msMedian, double msBest, double cpuMs,
            double unitsPerS, double gflopS, double firstLoss, double lastLoss, long memoryBytes, long residentBytes,
            List<OperationTimes.Operation> operations) {
    }

    private static final Path STATUS = Path.of("/proc/self/status");

    private final Plan plan;
    private final int warmUp;
    private final int steps;
    private final Samples millis = new Samples();
    private double best = Double.POSITIVE_INFINITY;
    private double total;
    private double firstLoss = Double.NaN;
    private double lastLoss = Double.NaN;
    private long cpuNanos;
    private long last;

    private StepBench(Plan plan) {
        this.plan = plan;
        warmUp = plan.warmUp < 0 ? plan.model.steps()[0] : plan.warmUp;
        steps = plan.steps == 0 ? plan.model.steps()[1] : plan.steps;
    }

    /** Trains a new model for the plan's steps. */
    public static Result run(Plan plan) throws IOException {
        return new StepBench(plan).measure();
    }

    private Result measure() throws IOException {
        List<String> keys = new ArrayList<>(plan.model.settings());
        keys.addAll(plan.mode.settings());
        keys.add("training.max_steps=" + (warmUp + steps));
        keys.addAll(plan.overrides);
        TrainingConfig config = ConfigReader.override(TrainingConfig.defaults(), keys);
        try (NativeBackend inner = NativeBackend.create(BackendOptions.defaults().withThreads(plan.threads));
                MemoryPool pool = new MemoryPool(inner);
                Workspace workspace = new Workspace(inner)) {
            OperationTimes times = plan.operations ? new OperationTimes(inner) : null;
            Backend backend = times == null ? inner : times.backend();
            TrainingTask task = plan.model.task(config, pool);
            Trainer trainer = Trainer.builder(backend, task, config).run(plan.mode.toString())
                    .listener((event, control) -> on(event, times)).build(pool, workspace);
            trainer.train();
            double median = millis.median();
            long units = (long) config.training().batchSize() * config.training().accumulationSteps() * task.unitsPerSample();
            return new Result(plan.model.toString(), plan.mode.toString(), plan.threads, inner.isa().label(), task.model().parameterCount(),
                    median, best, (cpuNanos() - cpuNanos) / 1e6 / steps, units / median * 1e3,
                    plan.model.flops(config, task) / median / 1e6, firstLoss, lastLoss,
                    pool.statistics().peak() + workspace.statistics().peak(), residentBytes(),
                    times == null ? List.of() : times.report(steps, total));
        }
    }

    private void on(TrainingEvent event, @Nullable OperationTimes times) {
        if (event instanceof TrainingEvent.Started) {
            begin(times, 0);
        }
        if (!(event instanceof TrainingEvent.Step step)) {
            return;
        }
        long now = System.nanoTime();
        lastLoss = step.loss();
        if (step.step() == 1) {
            firstLoss = step.loss();
        }
        if (step.step() > warmUp) {
            double taken = (now - last) / 1e6;
            millis.add(taken);
            best = Math.min(best, taken);
            total += taken;
        }
        begin(times, step.step());
    }

    /** What follows {@code step} is timed; what lies before the first step that counts is forgotten. */
    private void begin(@Nullable OperationTimes times, long step) {
        if (step == warmUp) {
            cpuNanos = cpuNanos();
            if (times != null) {
                times.clear();
            }
        }
        last = System.nanoTime();
    }

    /** Of all threads of this process. */
    private static long cpuNanos() {
        return ProcessHandle.current().info().totalCpuDuration().map(Duration::toNanos).orElse(0L);
    }

    private static long residentBytes() throws IOException {
        if (!Files.exists(STATUS)) {
            return 0;
        }
        return Files.readAllLines(STATUS).stream().filter(line -> line.startsWith("VmHWM:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10).findFirst().orElse(0);
    }
}
