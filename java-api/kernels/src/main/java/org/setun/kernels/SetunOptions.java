package org.setun.kernels;

/**
 * How to open {@link Setun}.
 *
 * @param backend      threads, tier and BLAS of the native backend
 * @param memoryBudget the most off-heap memory to reserve, in bytes; {@link Long#MAX_VALUE} for no limit
 */
public record SetunOptions(BackendOptions backend, long memoryBudget) {

    public SetunOptions {
        if (memoryBudget <= 0) {
            throw new IllegalArgumentException("memoryBudget = " + memoryBudget + " must be > 0");
        }
    }

    /** {@link BackendOptions#defaults()} and no limit of memory. */
    public static SetunOptions defaults() {
        return new SetunOptions(BackendOptions.defaults(), Long.MAX_VALUE);
    }

    public SetunOptions withBackend(BackendOptions options) {
        return new SetunOptions(options, memoryBudget);
    }

    /** {@code threads}: see {@link BackendOptions#threads}. */
    public SetunOptions withThreads(int threads) {
        return withBackend(backend.withThreads(threads));
    }

    public SetunOptions withMemoryBudget(long bytes) {
        return new SetunOptions(backend, bytes);
    }
}
