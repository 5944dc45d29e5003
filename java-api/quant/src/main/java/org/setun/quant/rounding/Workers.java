package org.setun.quant.rounding;

import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.ObjIntConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The threads that share the rows of a matrix: the calling one, which always works along, and {@code count - 1} tasks on an executor. It is
 * no error if the executor starts them late or never.
 *
 * @param executor runs the helpers; null if {@code count} is 1
 * @param count    threads at most, the caller's included
 */
public record Workers(@Nullable Executor executor, int count) {

    /** Checks the count. */
    public Workers {
        if (count < 1 || executor == null && count > 1) {
            throw new IllegalArgumentException("count = " + count + " must be at least 1, and 1 without an executor");
        }
    }

    /** The calling thread alone. */
    public static Workers caller() {
        return new Workers(null, 1);
    }

    /** Platform threads, started for each piece of work. */
    public static Workers threads(int count) {
        return new Workers(task -> Thread.ofPlatform().daemon().name("setun-rounding").start(task), count);
    }

    /**
     * Calls {@code work} once for each index below {@code size}, each thread with a scratch of its own. Returns when all are done.
     *
     * @throws RuntimeException the first one that {@code work} threw; the remaining indices are then skipped
     */
    <S> void forEach(int size, Supplier<S> scratch, ObjIntConsumer<S> work) {
        AtomicInteger next = new AtomicInteger();
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        Object monitor = new Object();
        int[] active = {0};
        Runnable share = () -> {
            S own = null;
            for (int index = next.getAndIncrement(); index < size; index = next.getAndIncrement()) {
                try {
                    own = own == null ? scratch.get() : own;
                    work.accept(own, index);
                } catch (RuntimeException | Error e) {
                    failure.compareAndSet(null, e);
                    next.set(size);
                }
            }
        };
        for (int i = 1; i < Math.min(count, size); i++) {
            executor.execute(() -> {
                synchronized (monitor) {
                    active[0]++;
                }
                share.run();
                synchronized (monitor) {
                    active[0]--;
                    monitor.notifyAll();
                }
            });
        }
        share.run();
        await(monitor, active);
        switch (failure.get()) {
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case null, default -> {
                // all done
            }
        }
    }

    /** A helper that has not started by now finds no index left, so only those at work are waited for. */
    private static void await(Object monitor, int[] active) {
        boolean interrupted = false;
        synchronized (monitor) {
            while (active[0] > 0) {
                try {
                    monitor.wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
