package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The plain door to the kernels: one backend with its memory.
 *
 * <pre>{@code
 * try (Setun setun = Setun.open()) {
 *     TernaryMatrix w = setun.quantize(weights, m, k); // float[m * k], row-major
 *     float[] y = w.matmul(x, n);                      // float[n * k] -> float[n * m], y = x * W^T
 * }
 * }</pre>
 *
 * <p>Threads: any thread may call at any time. With workers (the default) calls take turns, each using all of the workers; opened with
 * {@code threads = 0} they run side by side, each on its caller's thread. Call from platform threads.
 */
public final class Setun implements AutoCloseable {

    private final Backend backend;
    private final MemoryPool pool;
    private final ReentrantLock turn = new ReentrantLock();

    /** Takes over {@code backend}. */
    Setun(Backend backend, long memoryBudget) {
        this.backend = backend;
        pool = MemoryPool.builder(backend).budget(memoryBudget).build();
    }

    /** Opens the native backend with a worker per processor, or the reference where there is no native library. */
    public static Setun open() {
        return open(SetunOptions.defaults());
    }

    /**
     * Opens a backend as {@link Backends#open(BackendOptions)} does.
     *
     * @throws NativeLibraryException if the native library is required but cannot be loaded
     */
    public static Setun open(SetunOptions options) {
        Backend backend = Backends.open(options.backend());
        try {
            return new Setun(backend, options.memoryBudget());
        } catch (RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    /**
     * Quantizes weights to {-1, 0, 1} times one scale (absmean, arXiv 2402.17764).
     *
     * @param weights row-major {@code [m][k]}; row = output
     * @throws IllegalArgumentException if there are not m * k values, or one is NaN or infinite (the message names the first)
     * @throws PoolExhaustedException   if the memory budget is used up
     */
    public TernaryMatrix quantize(float[] weights, int m, int k) {
        return TernaryMatrix.quantize(this, weights, m, k);
    }

    /** The same from a segment, on or off the heap, of {@code m * k} floats. */
    public TernaryMatrix quantize(MemorySegment weights, long m, long k) {
        return TernaryMatrix.quantize(this, weights, m, k);
    }

    /** A matrix from row-major {@code codes[m][k]} in {-1, 0, 1} and their scale. */
    public TernaryMatrix ofCodes(byte[] codes, int m, int k, float gamma) {
        return TernaryMatrix.ofCodes(this, MemorySegment.ofArray(codes), m, k, gamma);
    }

    /** The same from a segment, on or off the heap, of {@code m * k} bytes. */
    public TernaryMatrix ofCodes(MemorySegment codes, long m, long k, float gamma) {
        return TernaryMatrix.ofCodes(this, codes, m, k, gamma);
    }

    /** A matrix from the bytes of an interchange format that holds its scale; see {@link TernaryMatrix#decode}. */
    public TernaryMatrix decode(TernaryFormat format, MemorySegment data, long m, long k) {
        return TernaryMatrix.decode(this, format, data, m, k);
    }

    /** A matrix from the bytes of a format that keeps scales per block; see {@link BlockMatrix#of}. */
    public BlockMatrix ofBlocks(BlockFormat format, MemorySegment data, long m, long k) {
        return BlockMatrix.of(this, format, data, m, k);
    }

    /** What computes. With workers, use it only while no other thread calls. */
    public Backend backend() {
        return backend;
    }

    /** Where matrices and scratch memory live. */
    public MemoryPool pool() {
        return pool;
    }

    /** Frees workers and memory; matrices of this object die. Closing twice does nothing. */
    @Override
    public void close() {
        begin();
        try {
            pool.close();
            backend.close();
        } finally {
            end();
        }
    }

    /** Waits for this thread's turn to use the backend. */
    void begin() {
        if (backend.threads() > 0) {
            turn.lock();
        }
    }

    void end() {
        if (turn.isHeldByCurrentThread()) {
            turn.unlock();
        }
    }
}
