package org.setun.kernels;

import java.lang.foreign.MemorySegment;

/**
 * The operations that Setun runs, on one device. {@code ReferenceBackend} is the executable specification in plain Java;
 * {@code NativeBackend} calls the C kernels. Formulas, exactness and error bounds: {@code native/include/setun/*.h} and
 * {@code docs/numerics.md}.
 *
 * <p>Operands are off-heap {@link MemorySegment}s (aligned to their elements; 64 bytes is fastest). Sizes are checked against the shapes before
 * anything runs: {@link IllegalArgumentException} names the argument, its value and what is allowed. Operations run in the order of
 * the calls and return no host scalar: losses, norms and factors live in segments.
 *
 * <p>Threads: a backend with workers serves one caller at a time; a free-threaded one (0 threads) serves any number at once. Another thread
 * must not close the arena of an operand while a call that was given it runs. A call keeps its operands from being collected, not from
 * being closed: memory of a shared arena would go from under it.
 */
public interface Backend
        extends
            TernaryOps,
            BlockOps,
            GemmOps,
            NnOps,
            ActivationOps,
            HadamardOps,
            OptimOps,
            PiOps,
            FakeQuantOps,
            SlabSource,
            AutoCloseable {

    /** {@code "cpu"} or {@code "reference"}. */
    String name();

    /** The tier whose kernels run. */
    Isa isa();

    /** What multiplies fp32 tiles: the BLAS provider's name, or {@code built-in}. Another one gives other last bits. */
    default String blas() {
        return "built-in";
    }

    /** Threads that work on a call, the caller's included; 0 if the backend is free-threaded. */
    int threads();

    @Override
    void close();
}
