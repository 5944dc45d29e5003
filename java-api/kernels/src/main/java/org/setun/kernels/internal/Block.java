package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A range of a slab, free or in use, linked to its neighbours by address. Guarded by the pool's lock, except {@link #generation}. */
public final class Block {

    /** Blocks start and end at multiples of this. */
    public static final long UNIT = 64;

    final MemorySegment slab;
    final long offset;
    long bytes;
    boolean free = true;
    @Nullable
    Block before;
    @Nullable
    Block after;
    @Nullable
    Block previousFree;
    @Nullable
    Block nextFree;
    /** Raised by every free; a buffer lives as long as it saw the present value. */
    volatile int generation;
    /** Where a live block was allocated, in debug mode. */
    @Nullable
    Throwable origin;
    /** The length that was asked for. */
    long requested;

    /** The block that covers a whole slab. */
    public Block(MemorySegment slab) {
        this(slab, 0, slab.byteSize() & -UNIT);
    }

    private Block(MemorySegment slab, long offset, long bytes) {
        this.slab = slab;
        this.offset = offset;
        this.bytes = bytes;
    }

    public MemorySegment slab() {
        return slab;
    }

    public long bytes() {
        return bytes;
    }

    /** The length that was asked for, up to {@link #UNIT} - 1 below {@link #bytes()}. */
    public long requested() {
        return requested;
    }

    public boolean isFree() {
        return free;
    }

    public @Nullable Block after() {
        return after;
    }

    public @Nullable Throwable origin() {
        return origin;
    }

    public void origin(@Nullable Throwable stack) {
        origin = stack;
    }

    /** All memory of the block. */
    public MemorySegment memory() {
        return slab.asSlice(offset, bytes);
    }

    /** True if the block covers its slab from end to end. */
    public boolean isWholeSlab() {
        return before == null && after == null;
    }

    /** Cuts the block down to {@code head} bytes and returns the rest as a block of its own, which is in no list yet. */
    Block split(long head) {
        Block rest = new Block(slab, offset + head, bytes - head);
        rest.before = this;
        rest.after = after;
        if (after != null) {
            after.before = rest;
        }
        after = rest;
        bytes = head;
        return rest;
    }

    /** Takes the following block, which is in no list, into this one. */
    void absorbAfter() {
        Block gone = after;
        if (gone == null) {
            throw new IllegalStateException("the last block of a slab has no neighbour");
        }
        bytes += gone.bytes;
        after = gone.after;
        if (after != null) {
            after.before = this;
        }
        gone.generation++;
    }
}
