package org.setun.kernels;

/** Something that hands out {@link Buffer}s: a {@code MemoryPool} (long-lived) or a {@code Workspace} (one step). */
public interface Allocator {

    /** A buffer of {@code bytes} (0 is allowed), contents undefined. */
    Buffer allocate(long bytes);
}
