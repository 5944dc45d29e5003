package org.setun.kernels;

import java.lang.foreign.MemorySegment;

/**
 * A BLAS library whose {@code cblas_sgemm} multiplies the tiles of fp32 products. Found by {@link java.util.ServiceLoader}; the module
 * {@code org.setun.openblas} has one. Setun splits the work over its own workers and calls the function from several threads at once, so
 * it must be thread-safe and must not start threads.
 */
public interface BlasProvider {

    /** Name and version, such as {@code OpenBLAS 0.3.31}. */
    String name();

    /**
     * Loads the library, sets it to one thread, and gives the address of {@code cblas_sgemm} with 32-bit integers. It stays valid to the
     * end of the process.
     *
     * @throws UnsatisfiedLinkError if the library is not there for this platform
     */
    MemorySegment sgemm();
}
