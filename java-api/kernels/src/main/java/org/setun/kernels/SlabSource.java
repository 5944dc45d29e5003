package org.setun.kernels;

import java.lang.foreign.MemorySegment;

/** Where the big slabs come from that pools sub-allocate. Thread-safe. */
public interface SlabSource {

    /**
     * Maps a slab of zeroed memory, 64-byte aligned or better, that lives until {@link #unmapSlab}. The segment is shared between threads.
     *
     * @throws PoolExhaustedException if the operating system refuses the memory
     */
    MemorySegment mapSlab(long bytes);

    /**
     * Gives a slab back; every access through segments of it fails with {@link IllegalStateException} from then on.
     *
     * @throws IllegalStateException    if a call that uses the slab is in flight; the slab is then still mapped
     * @throws IllegalArgumentException if {@code slab} is not a mapped slab of this source
     */
    void unmapSlab(MemorySegment slab);
}
