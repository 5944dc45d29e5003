package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import org.setun.kernels.Buffer;

/** A block of a pool as its user sees it: dead as soon as the block's generation moves on. */
public final class PoolBuffer implements Buffer {

    private final Object pool;
    private final Block block;
    private final int generation;
    private final MemorySegment segment;

    public PoolBuffer(Object pool, Block block, long bytes) {
        this.pool = pool;
        this.block = block;
        this.generation = block.generation;
        this.segment = block.slab.asSlice(block.offset, bytes);
        block.requested = bytes;
    }

    public boolean isOf(Object candidate) {
        return pool == candidate;
    }

    public Block block() {
        return block;
    }

    /** Ends the buffer's life; under the pool's lock. */
    public void kill() {
        requireAlive();
        block.generation++;
    }

    @Override
    public MemorySegment segment() {
        requireAlive();
        return segment;
    }

    @Override
    public long byteSize() {
        return segment.byteSize();
    }

    @Override
    public boolean isAlive() {
        return block.generation == generation && segment.scope().isAlive();
    }

    private void requireAlive() {
        if (block.generation != generation) {
            throw new IllegalStateException("buffer of " + segment.byteSize() + " bytes was freed");
        }
        if (!segment.scope().isAlive()) {
            throw new IllegalStateException("buffer of " + segment.byteSize() + " bytes is gone: its pool or backend was closed");
        }
    }
}
