package org.setun.kernels;

/**
 * Ways through memory that {@link NativeBackend#measureWalk} times ({@code setun/measure.h}). Threads take slices of up to 256 KiB in turn,
 * where nothing else is said.
 */
public enum MemoryWalk {
    READ_PLAIN,
    /** Prefetching 2 KiB ahead. */
    READ_NEAR,
    /** Prefetching 12 KiB ahead. */
    READ_FAR,
    /** Each slice as four streams side by side. */
    READ_STREAMS,
    /** Four streams, prefetching 2 KiB ahead in each. */
    READ_STREAMS_NEAR,
    /** Each thread one contiguous piece, prefetching 12 KiB ahead. */
    READ_PIECES,
    /** {@code memcpy} of half of the buffer onto the other half. */
    COPY_CACHED,
    /** The same with stores that bypass the caches. */
    COPY_STREAMING;

    /** The value of {@code SETUN_WALK_*}. */
    public int code() {
        return ordinal();
    }

    /** True if it copies, false if it reads only. */
    public boolean copies() {
        return this == COPY_CACHED || this == COPY_STREAMING;
    }
}
