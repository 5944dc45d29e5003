package org.setun.kernels;

import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.internal.Block;
import org.setun.kernels.internal.FreeLists;
import org.setun.kernels.internal.Poison;
import org.setun.kernels.internal.PoolBuffer;

/**
 * Off-heap memory for what lives long: parameters, optimizer state, packed weights. Buffers are cut from a few big slabs of a
 * {@link SlabSource}, 64-byte aligned, by two-level size classes with immediate merging of free neighbours, so that long runs do not
 * fragment. A slab is mapped when needed and given back when a new one would exceed the budget, or on {@link #trim()} and
 * {@link #close()}.
 *
 * <p>Use after {@link #free}, double free, and use after {@link #close} are exceptions. A {@link MemorySegment} that was kept beyond its
 * buffer's free is not caught (its slab still exists); debug mode ({@code -Dsetun.memory.debug=true} or {@link Builder#debug}) finds most
 * such defects: fresh and freed memory is poisoned with NaN, a write into freed memory is reported when it is handed out again, and
 * leaks are logged on close with the allocating stack.
 *
 * <p>Thread-safe.
 */
public final class MemoryPool implements Allocator, AutoCloseable {

    /** Size of a slab unless a request is larger: 64 MiB. */
    public static final long DEFAULT_SLAB_BYTES = 64L << 20;

    /** The system property that switches debug mode on for pools that do not set it themselves. */
    public static final String DEBUG_PROPERTY = "setun.memory.debug";

    private static final System.Logger LOG = System.getLogger("org.setun.kernels");

    /**
     * A snapshot of a pool.
     *
     * @param inUse       bytes of live buffers, each rounded up to 64
     * @param peak        highest {@code inUse} so far
     * @param reserved    bytes of the mapped slabs
     * @param budget      the most that {@code reserved} may reach
     * @param liveBlocks  live buffers
     * @param slabs       mapped slabs
     * @param largestFree largest buffer that fits without a new slab
     */
    public record Statistics(long inUse, long peak, long reserved, long budget, long liveBlocks, int slabs, long largestFree) {

        /** Share of the free bytes that the largest free block does not cover: 0 (one block) to nearly 1 (dust). */
        public double fragmentation() {
            long free = reserved - inUse;
            return free == 0 ? 0 : 1 - (double) largestFree / free;
        }
    }

    /** A buffer that was not freed; {@code origin} holds the stack that allocated it, in debug mode. */
    public record Leak(long bytes, @Nullable Throwable origin) {
    }

    private static final class PressureListener {
        final long threshold;
        final Consumer<Statistics> action;
        boolean above;

        PressureListener(long threshold, Consumer<Statistics> action) {
            this.threshold = threshold;
            this.action = action;
        }
    }

    /** Settings of a new pool. */
    public static final class Builder {
        private final SlabSource source;
        private long slabBytes = DEFAULT_SLAB_BYTES;
        private long budget = Long.MAX_VALUE;
        private boolean debug = Boolean.getBoolean(DEBUG_PROPERTY);

        private Builder(SlabSource source) {
            this.source = source;
        }

        /** Size of a slab unless a request is larger. */
        public Builder slabBytes(long bytes) {
            slabBytes = atLeast("slabBytes", bytes, Block.UNIT);
            return this;
        }

        /** The most that the pool may reserve. */
        public Builder budget(long bytes) {
            budget = atLeast("budget", bytes, Block.UNIT);
            return this;
        }

        /** Poisons memory and keeps allocating stacks. */
        public Builder debug(boolean on) {
            debug = on;
            return this;
        }

        public MemoryPool build() {
            return new MemoryPool(this);
        }

        private static long atLeast(String name, long value, long least) {
            if (value < least) {
                throw new IllegalArgumentException(name + " = " + value + " must be >= " + least);
            }
            return value;
        }
    }

    private final SlabSource source;
    private final long slabBytes;
    private final long budget;
    private final boolean debug;
    private final FreeLists free = new FreeLists();
    private final List<Block> slabs = new ArrayList<>(); // the first block of each
    private final List<PressureListener> listeners = new ArrayList<>();
    private long inUse;
    private long peak;
    private long reserved;
    private long liveBlocks;
    private boolean closed;

    /** A pool without a budget. */
    public MemoryPool(SlabSource source) {
        this(new Builder(source));
    }

    private MemoryPool(Builder builder) {
        source = builder.source;
        slabBytes = builder.slabBytes & -Block.UNIT;
        budget = builder.budget;
        debug = builder.debug;
    }

    public static Builder builder(SlabSource source) {
        return new Builder(source);
    }

    /** True if memory is poisoned and leaks are reported. */
    public boolean isDebug() {
        return debug;
    }

    /**
     * {@inheritDoc}
     *
     * @throws PoolExhaustedException if neither a free block nor the budget nor the operating system has room
     */
    @Override
    public Buffer allocate(long bytes) {
        if (bytes < 0 || bytes > Long.MAX_VALUE - Block.UNIT) {
            throw new IllegalArgumentException("bytes = " + bytes + " must be in [0, " + (Long.MAX_VALUE - Block.UNIT) + "]");
        }
        PoolBuffer buffer;
        List<PressureListener> crossed;
        @Nullable
        Statistics statistics;
        synchronized (this) {
            requireOpen();
            long rounded = Math.max(Block.UNIT, (bytes + Block.UNIT - 1) & -Block.UNIT);
            Block block = free.take(rounded);
            if (block == null) {
                mapSlabFor(rounded);
                block = free.take(rounded);
            }
            if (block == null) {
                throw exhausted(bytes, "a new slab has no room");
            }
            inUse += rounded;
            peak = Math.max(peak, inUse);
            liveBlocks++;
            buffer = new PoolBuffer(this, block, bytes);
            if (debug) {
                checkUntouched(block);
                block.origin(new Throwable("allocated here"));
            }
            crossed = crossedListeners();
            statistics = crossed.isEmpty() ? null : statistics();
        }
        for (PressureListener listener : crossed) {
            listener.action.accept(statistics);
        }
        return buffer;
    }

    /**
     * Ends the life of a buffer of this pool.
     *
     * @throws IllegalStateException    if it was freed before, or the pool is closed
     * @throws IllegalArgumentException if it is not a buffer of this pool
     */
    public synchronized void free(Buffer buffer) {
        requireOpen();
        if (!(buffer instanceof PoolBuffer owned) || !owned.isOf(this)) {
            throw new IllegalArgumentException("buffer of " + buffer.byteSize() + " bytes does not belong to this pool");
        }
        Block block = owned.block();
        owned.kill();
        block.origin(null);
        if (debug) {
            Poison.fill(block.memory());
        }
        inUse -= block.bytes();
        liveBlocks--;
        free.give(block);
        for (PressureListener listener : listeners) {
            listener.above &= inUse >= listener.threshold;
        }
    }

    /**
     * Calls {@code action} on the allocating thread, outside the pool's lock, each time that the bytes in use reach {@code threshold}
     * from below. It may free buffers.
     */
    public synchronized void onPressure(long threshold, Consumer<Statistics> action) {
        if (threshold <= 0) {
            throw new IllegalArgumentException("threshold = " + threshold + " must be > 0");
        }
        PressureListener listener = new PressureListener(threshold, action);
        listener.above = inUse >= threshold;
        listeners.add(listener);
    }

    public synchronized Statistics statistics() {
        return new Statistics(inUse, peak, reserved, budget, liveBlocks, slabs.size(), free.largest());
    }

    /** The buffers that are live now. */
    public synchronized List<Leak> leaks() {
        List<Leak> leaks = new ArrayList<>();
        for (Block first : slabs) {
            for (Block block = first; block != null; block = block.after()) {
                if (!block.isFree()) {
                    leaks.add(new Leak(block.requested(), block.origin()));
                }
            }
        }
        return leaks;
    }

    /** Gives back slabs without live buffers, as far as no call is in flight on their backend. */
    public synchronized void trim() {
        requireOpen();
        for (Iterator<Block> firsts = slabs.iterator(); firsts.hasNext();) {
            Block first = firsts.next();
            if (first.isFree() && first.isWholeSlab() && unmap(first)) {
                free.remove(first);
                reserved -= first.slab().byteSize();
                firsts.remove();
            }
        }
    }

    private boolean unmap(Block whole) {
        try {
            source.unmapSlab(whole.slab());
            return true;
        } catch (IllegalStateException inUse) {
            return false; // a call is in flight; the slab serves on
        }
    }

    /**
     * Gives all slabs back and ends the life of all buffers. Closing twice does nothing.
     *
     * @throws IllegalStateException if a call that uses the pool's memory is in flight; close again when it has returned
     */
    @Override
    public synchronized void close() {
        if (!closed && debug) {
            for (Leak leak : leaks()) {
                LOG.log(Level.WARNING, "leak: a buffer of " + leak.bytes() + " bytes was not freed", leak.origin());
            }
        }
        closed = true;
        while (!slabs.isEmpty()) {
            MemorySegment slab = slabs.getLast().slab();
            if (slab.scope().isAlive()) {
                source.unmapSlab(slab);
            }
            slabs.removeLast();
            reserved -= slab.byteSize();
        }
        inUse = 0;
        liveBlocks = 0;
    }

    private void mapSlabFor(long bytes) {
        long room = budget - reserved;
        if (room < Math.max(bytes, slabBytes)) {
            trim();
            room = budget - reserved;
        }
        if (room < bytes) {
            throw exhausted(bytes, "the budget has no room for another slab");
        }
        long size = Math.min(Math.max(slabBytes, bytes), room & -Block.UNIT);
        MemorySegment slab = source.mapSlab(size);
        Block whole = new Block(slab);
        if (debug) {
            Poison.fill(whole.memory());
        }
        slabs.add(whole);
        reserved += slab.byteSize();
        free.give(whole);
    }

    private void checkUntouched(Block block) {
        long change = Poison.firstChange(block.memory());
        if (change >= 0) {
            throw new IllegalStateException("free memory was written to, at byte " + change + " of a block of " + block.bytes()
                    + " bytes: a segment outlived its buffer");
        }
    }

    private List<PressureListener> crossedListeners() {
        List<PressureListener> crossed = List.of();
        for (PressureListener listener : listeners) {
            if (!listener.above && inUse >= listener.threshold) {
                listener.above = true;
                crossed = crossed.isEmpty() ? new ArrayList<>() : crossed;
                crossed.add(listener);
            }
        }
        return crossed;
    }

    private PoolExhaustedException exhausted(long bytes, String cause) {
        Statistics now = statistics();
        return new PoolExhaustedException(String.format(Locale.ROOT,
                "cannot allocate %,d bytes: %s (budget %,d, reserved %,d, in use %,d in %,d buffers, largest free block %,d, fragmentation %.2f)",
                bytes, cause, now.budget, now.reserved, now.inUse, now.liveBlocks, now.largestFree, now.fragmentation()), bytes);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the pool is closed");
        }
    }
}
