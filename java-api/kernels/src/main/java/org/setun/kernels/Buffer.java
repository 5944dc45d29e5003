package org.setun.kernels;

import java.lang.foreign.MemorySegment;

/**
 * A piece of a backend's memory with a lifetime. Every access through {@link #segment()} after the buffer was freed, its workspace was
 * released below it, or its pool was closed throws {@link IllegalStateException}.
 */
public interface Buffer {

    /** The memory, exactly {@link #byteSize()} bytes, 64-byte aligned. Do not keep it beyond the buffer's life. */
    MemorySegment segment();

    long byteSize();

    /** False once freed, released or closed. */
    boolean isAlive();
}
