package org.setun.training.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Buffer;
import org.setun.kernels.MemoryPool;

/**
 * Saves the tensors of a run while it goes on. With memory for a snapshot, {@link #save} copies the tensors there and returns; another thread writes
 * them. At most one save is under way: the next one waits for it. Without such memory {@code save} writes, and returns when all is on disk. One thread
 * calls; {@link #close} waits for the last save.
 */
public final class CheckpointSaver implements AutoCloseable {

    /**
     * How a save ended.
     *
     * @param folder       the checkpoint, if it is whole
     * @param stallSeconds how long {@link #save} took: what training waited
     * @param seconds      from the call to the moment when all was on disk; NaN if it never was
     * @param failure      why there is no checkpoint, null if there is one
     * @param trouble      what failed once it was there: to force its name to the device, or to remove older ones; null if nothing did
     */
    public record Outcome(long step, Path folder, double stallSeconds, double seconds, @Nullable IOException failure,
            @Nullable IOException trouble) {
    }

    private final CheckpointStore store;
    private final List<NamedTensor> weights;
    private final List<NamedTensor> moments;
    private final @Nullable MemoryPool memory;
    private final List<Buffer> buffers = new ArrayList<>();
    private final List<NamedTensor> weightCopies = new ArrayList<>();
    private final List<NamedTensor> momentCopies = new ArrayList<>();
    private final List<Outcome> ended = new ArrayList<>();
    private @Nullable CompletableFuture<Outcome> underWay;

    /**
     * A saver of the same tensors again and again.
     *
     * @param store  stays the caller's
     * @param memory for a copy of all tensors until {@link #close}; null to save without one
     * @throws org.setun.kernels.PoolExhaustedException if it has no room for them
     */
    public CheckpointSaver(CheckpointStore store, List<NamedTensor> weights, List<NamedTensor> moments, @Nullable MemoryPool memory) {
        this.store = store;
        this.weights = List.copyOf(weights);
        this.moments = List.copyOf(moments);
        this.memory = memory;
        if (memory != null) {
            try {
                weights.forEach(tensor -> weightCopies.add(room(memory, tensor)));
                moments.forEach(tensor -> momentCopies.add(room(memory, tensor)));
            } catch (RuntimeException e) {
                close();
                throw e;
            }
        }
    }

    private NamedTensor room(MemoryPool pool, NamedTensor tensor) {
        Buffer buffer = pool.allocate(tensor.data().byteSize());
        buffers.add(buffer);
        buffer.segment().fill((byte) 0); // the first save must not wait until the system has found the pages
        return new NamedTensor(tensor.name(), tensor.type(), tensor.shape(), buffer.segment());
    }

    /** Saves the tensors as they are now. A failure is an {@link Outcome}, not an exception. */
    public void save(TrainingState state, Map<String, byte[]> files) {
        long start = System.nanoTime();
        await();
        if (memory == null) {
            ended.add(write(state, weights, moments, files, start, Double.NaN));
            return;
        }
        copy(weights, weightCopies);
        copy(moments, momentCopies);
        double stall = since(start);
        CompletableFuture<Outcome> next = new CompletableFuture<>();
        underWay = next;
        Thread.ofPlatform().name("setun-checkpoint").start(() -> {
            try {
                next.complete(write(state, weightCopies, momentCopies, files, start, stall));
            } catch (RuntimeException | Error e) {
                next.completeExceptionally(e);
            }
        });
    }

    private static void copy(List<NamedTensor> from, List<NamedTensor> to) {
        for (int i = 0; i < from.size(); i++) {
            MemorySegment source = from.get(i).data();
            MemorySegment.copy(source, 0, to.get(i).data(), 0, source.byteSize());
        }
    }

    /** A stall of NaN means that all of the time is one. */
    private Outcome write(TrainingState state, List<NamedTensor> w, List<NamedTensor> m, Map<String, byte[]> files, long start,
            double stall) {
        Path folder = store.pathOf(state.step());
        IOException failure = attempt(() -> store.write(state, w, m, files));
        IOException trouble = failure == null ? attempt(store::force) : null;
        boolean isSafe = failure == null && trouble == null;
        double seconds = isSafe ? since(start) : Double.NaN;
        if (isSafe) { // until then an older one may be the only one that a power cut leaves
            trouble = attempt(store::prune);
        }
        return new Outcome(state.step(), folder, Double.isNaN(stall) ? since(start) : stall, seconds, failure, trouble);
    }

    /** A part of a save. */
    private interface Action {
        void run() throws IOException;
    }

    private static @Nullable IOException attempt(Action action) {
        try {
            action.run();
            return null;
        } catch (IOException e) {
            return e;
        } catch (UncheckedIOException e) { // a stream of files, which cannot throw what it is
            return e.getCause();
        }
    }

    private static double since(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    /** What has ended since the last call of this or of {@link #join}, oldest first. */
    public List<Outcome> poll() {
        if (underWay != null && underWay.isDone()) {
            await();
        }
        List<Outcome> outcomes = List.copyOf(ended);
        ended.clear();
        return outcomes;
    }

    /** As {@link #poll}, once nothing is under way. */
    public List<Outcome> join() {
        await();
        return poll();
    }

    private void await() {
        CompletableFuture<Outcome> running = underWay;
        underWay = null;
        if (running != null) {
            try {
                ended.add(running.join());
            } catch (CompletionException e) {
                if (e.getCause() instanceof RuntimeException cause) {
                    throw cause;
                }
                throw e;
            }
        }
    }

    @Override
    public void close() {
        try {
            await();
        } finally {
            MemoryPool pool = memory;
            if (pool != null) {
                buffers.forEach(pool::free);
                buffers.clear();
            }
        }
    }
}
