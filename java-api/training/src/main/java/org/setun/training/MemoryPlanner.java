package org.setun.training;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.SlabSource;
import org.setun.kernels.Workspace;
import org.setun.nn.Tape;
import org.setun.training.config.ConfigException;
import org.setun.training.config.ConfigReader;
import org.setun.training.config.TrainingConfig;
import org.setun.training.event.TrainingEvent;

/**
 * Says how much memory a run needs before any is taken, and which micro-batch and whether to recompute blocks under
 * {@code training.memory_limit_mb}. A prediction is a step and an evaluation of the very run, on a backend that computes nothing and in memory that
 * is handed out but not touched, so it knows all that the run allocates.
 *
 * <p>Counted are parameters, gradients, optimizer state, codes, scratch and activations; the JVM, the scratch of the kernels and the weights of a teacher
 * are not. The largest scratch is that of the head's fp32 products, about 4 bytes for each token of the vocabulary and each of up to 512 dimensions
 * (see {@code setun/gemm.h}): some tens of MB for small vocabularies, 311 MB for 152,000 tokens.
 */
public final class MemoryPlanner {

    /** Makes what a run trains; parameters may have any values. */
    @FunctionalInterface
    public interface Tasks {

        /**
         * A new task.
         *
         * @param config     of the run
         * @param microBatch windows that an evaluation should run at once
         */
        TrainingTask make(TrainingConfig config, MemoryPool memory, int microBatch) throws IOException;
    }

    /**
     * How to run within a limit.
     *
     * @param microBatch samples that run at once
     * @param recompute  whether blocks are computed anew in the backward pass
     * @param bytes      predicted peak
     */
    public record Plan(int microBatch, boolean recompute, long bytes) {

        /** What a run does whose memory is not limited. */
        public static Plan unlimited(TrainingConfig config) {
            return new Plan(startingMicroBatch(config), config.training().recompute(), 0);
        }

        /** The configuration that recomputes as this plan says. */
        public TrainingConfig applied(TrainingConfig config) {
            return recompute == config.training().recompute() ? config : ConfigReader.override(config, List.of("training.recompute=true"));
        }

        /** Whether this is less than {@code config} asks for. */
        public boolean isDegraded(TrainingConfig config) {
            return microBatch < startingMicroBatch(config) || (recompute && !config.training().recompute());
        }

        /** For a warning. */
        public String text(TrainingConfig config) {
            return String.format(Locale.ROOT, "training.memory_limit_mb = %d: micro-batches of %d instead of %d%s; predicted peak %.1f MB",
                    config.training().memoryLimitMb(), microBatch, startingMicroBatch(config),
                    recompute && !config.training().recompute() ? ", blocks are computed twice" : "", bytes / 1e6);
        }
    }

    /** Slabs of one piece of memory, again and again: what is written there means nothing. */
    private static final class OneSlab implements SlabSource, AutoCloseable {

        private final SlabSource source;
        private final List<MemorySegment> mapped = new ArrayList<>();

        OneSlab(SlabSource source) {
            this.source = source;
        }

        @Override
        public synchronized MemorySegment mapSlab(long bytes) {
            if (mapped.isEmpty() || mapped.getLast().byteSize() < bytes) {
                mapped.add(source.mapSlab(bytes));
            }
            return mapped.getLast().asSlice(0, bytes);
        }

        @Override
        public void unmapSlab(MemorySegment slab) {
            // other slabs are the same memory
        }

        @Override
        public void close() {
            mapped.forEach(source::unmapSlab);
        }
    }

    private static final double BYTES_PER_MB = 1e6;
    private static final long LEAST_SLAB = 1L << 20;
    private static final int SLABS = 64;

    private final Backend backend;
    private final Tasks tasks;

    /** @param backend whose memory is handed out */
    public MemoryPlanner(Backend backend, Tasks tasks) {
        this.backend = backend;
        this.tasks = tasks;
    }

    /** The micro-batch that a run begins with if memory is no question. */
    static int startingMicroBatch(TrainingConfig config) {
        return config.training().memoryEfficient() ? 1 : config.training().batchSize();
    }

    /** Bytes of a slab or chunk under a limit: small against it, so that little is lost at their ends. 0 MB: no limit. */
    public static long slabBytes(long limitMb) {
        return limitMb == 0
                ? MemoryPool.DEFAULT_SLAB_BYTES
                : Math.clamp(limitMb * 1_000_000 / SLABS, LEAST_SLAB, MemoryPool.DEFAULT_SLAB_BYTES);
    }

    /**
     * The largest micro-batch that fits into {@code training.memory_limit_mb}, without recomputation if any does.
     *
     * @throws ConfigException if none fits: it says what would
     */
    public Plan plan(TrainingConfig config) throws IOException {
        return plan(config, 0);
    }

    /**
     * The same, where other models hold a part of the memory.
     *
     * @param held bytes of the limit that cannot be used
     */
    public Plan plan(TrainingConfig config, long held) throws IOException {
        boolean limited = config.training().memoryLimitMb() > 0;
        double limit = config.training().memoryLimitMb() * BYTES_PER_MB - held;
        List<Boolean> ways = new ArrayList<>(List.of(config.training().recompute()));
        if (!config.training().recompute() && config.allowsRecomputation() && canRecompute(config)) {
            ways.add(true);
        }
        Plan last = null;
        for (boolean recompute : ways) {
            for (int microBatch = startingMicroBatch(config);; microBatch = (microBatch + 1) / 2) {
                last = new Plan(microBatch, recompute, predict(config, microBatch, recompute));
                if (!limited || last.bytes <= limit) {
                    return last;
                }
                if (microBatch == 1 || config.training().reproducible()) { // other micro-batches round otherwise
                    break;
                }
            }
        }
        throw new ConfigException(String.format(Locale.ROOT,
                "training.memory_limit_mb = %d%s: windows of %d tokens %d at a time%s need %.1f MB, which is the least that this model can be"
                        + " trained with; raise the limit, or lower model.context or the model's sizes%s",
                config.training().memoryLimitMb(),
                held == 0 ? "" : String.format(Locale.ROOT, ", of which models trained before hold %.1f MB", held / BYTES_PER_MB),
                config.model().context(), last.microBatch, last.recompute ? ", with blocks computed twice," : "", last.bytes / BYTES_PER_MB,
                config.optimizer().kind() == TrainingConfig.OptimizerKind.ADAMW8BIT
                        ? ""
                        : ", or set optimizer.kind = \"adamw8bit\" or optimizer.paged = true"));
    }

    /** Whether the model has blocks, and no quantizers of activations that keep something of what they see. */
    private boolean canRecompute(TrainingConfig config) throws IOException {
        long slab = slabBytes(config.training().memoryLimitMb());
        try (OneSlab memory = new OneSlab(backend);
                MemoryPool pool = MemoryPool.builder(memory).slabBytes(slab).debug(false).build()) {
            return tasks.make(config, pool, 1).model().recompute(true);
        }
    }

    /** Peak bytes of a run with this micro-batch. */
    public long predict(TrainingConfig config, int microBatch, boolean recompute) throws IOException {
        List<String> keys = new ArrayList<>(List.of("training.recompute=" + recompute, "training.memory_limit_mb=0", "checkpoint.folder=",
                "training.max_skipped_steps=" + Integer.MAX_VALUE)); // values mean nothing: none is a reason to give up
        if (config.optimizer().paged()) { // its state is in a file
            keys.addAll(List.of("optimizer.paged=false", "optimizer.kind=sgd", "optimizer.momentum=0", "optimizer.nesterov=false"));
        }
        TrainingConfig trial = ConfigReader.override(config, keys);
        long slab = slabBytes(config.training().memoryLimitMb());
        Backend idle = idle(backend);
        try (OneSlab memory = new OneSlab(backend);
                MemoryPool pool = MemoryPool.builder(memory).slabBytes(slab).debug(false).build();
                MemoryPool chunks = MemoryPool.builder(backend).slabBytes(slab).debug(false).build();
                Workspace workspace = new Workspace(chunks, slab)) {
            TrainingTask task = tasks.make(trial, pool, microBatch);
            Trainer.builder(idle, task, trial).microBatch(microBatch).listener((event, control) -> {
                if (event instanceof TrainingEvent.Step || event instanceof TrainingEvent.Skipped) {
                    control.stop("one step is enough");
                }
            }).build(pool, workspace).train();
            task.evaluate(Tape.evaluating(idle, workspace, trial.training().precision()), 1);
            return pool.statistics().reserved() + workspace.statistics().reserved();
        }
    }

    /** A backend that has memory, and computes nothing. */
    private static Backend idle(Backend real) {
        return (Backend) Proxy.newProxyInstance(Backend.class.getClassLoader(), new Class<?>[]{Backend.class},
                (proxy, method, arguments) -> {
                    Class<?> type = method.getReturnType();
                    if (type == double.class || type == float.class || type == long.class) {
                        return type == double.class ? (Object) 0.0 : type == float.class ? (Object) 0f : (Object) 0L;
                    }
                    if (type == void.class && !method.getName().equals("unmapSlab")) {
                        return null;
                    }
                    try {
                        return method.invoke(real, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }
}
