package org.setun.kernels;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.setun.kernels.internal.Poison;

/**
 * Off-heap memory for what lives one step: a bump allocator over chunks. {@link #mark()} and {@link #release} work like a stack;
 * {@link #reset()} frees all. Buffers that are released die: {@link Buffer#segment()} throws {@link IllegalStateException}. When a chunk
 * is full, the next one is used or a new one is taken, and kept: a step that repeats allocates no memory.
 *
 * <p>One thread at a time.
 */
public final class Workspace implements Allocator, AutoCloseable {

    /** Size of a chunk unless a request is larger: 64 MiB. */
    public static final long DEFAULT_CHUNK_BYTES = MemoryPool.DEFAULT_SLAB_BYTES;

    private static final long ALIGNMENT = 64;

    /**
     * A snapshot of a workspace.
     *
     * @param inUse    bytes of live buffers, each rounded up to 64
     * @param peak     highest {@code inUse} so far
     * @param reserved bytes of the chunks
     * @param live     live buffers
     * @param chunks   chunks
     */
    public record Statistics(long inUse, long peak, long reserved, int live, int chunks) {
    }

    private final MemoryPool pool;
    private final boolean ownsPool;
    private final long chunkBytes;
    private final List<Buffer> chunks = new ArrayList<>();
    private int chunk; // the one that is being filled
    private long position; // in it
    private long inUse;
    private long peak;
    private long reserved;
    private boolean closed;

    // The stack of live buffers: a buffer lives as long as its slot holds its serial number, which is never used twice.
    private int live;
    private long lastSerial;
    private long[] serials = new long[64];
    private int[] startChunk = new int[64];
    private long[] startPosition = new long[64];
    private long[] startInUse = new long[64];

    /** A workspace over chunks of {@value #DEFAULT_CHUNK_BYTES} bytes from a pool of its own. */
    public Workspace(SlabSource source) {
        this(source, DEFAULT_CHUNK_BYTES);
    }

    /** A workspace over chunks of {@code chunkBytes} from a pool of its own. */
    public Workspace(SlabSource source, long chunkBytes) {
        this(MemoryPool.builder(source).slabBytes(chunkBytes).build(), chunkBytes, true);
    }

    /** A workspace over chunks of {@code chunkBytes} from {@code pool}, given back on {@link #close()}. */
    public Workspace(MemoryPool pool, long chunkBytes) {
        this(pool, chunkBytes, false);
    }

    private Workspace(MemoryPool pool, long chunkBytes, boolean ownsPool) {
        if (chunkBytes < ALIGNMENT) {
            throw new IllegalArgumentException("chunkBytes = " + chunkBytes + " must be >= " + ALIGNMENT);
        }
        this.pool = pool;
        this.chunkBytes = chunkBytes & -ALIGNMENT;
        this.ownsPool = ownsPool;
    }

    /**
     * {@inheritDoc}
     *
     * @throws PoolExhaustedException if a new chunk is needed and the pool has no room
     */
    @Override
    public Buffer allocate(long bytes) {
        requireOpen();
        if (bytes < 0 || bytes > Long.MAX_VALUE - ALIGNMENT) {
            throw new IllegalArgumentException("bytes = " + bytes + " must be in [0, " + (Long.MAX_VALUE - ALIGNMENT) + "]");
        }
        int chunkBefore = chunk;
        long positionBefore = position;
        long rounded = (bytes + ALIGNMENT - 1) & -ALIGNMENT;
        moveToRoomFor(rounded);
        push(chunkBefore, positionBefore);
        MemorySegment segment = chunks.get(chunk).segment().asSlice(position, bytes);
        if (pool.isDebug()) {
            Poison.fill(chunks.get(chunk).segment().asSlice(position, rounded));
        }
        position += rounded;
        inUse += rounded;
        peak = Math.max(peak, inUse);
        return new Bump(this, segment, live - 1, lastSerial);
    }

    /** The present top of the stack, for {@link #release}. */
    public long mark() {
        requireOpen();
        return live == 0 ? 0 : serials[live - 1];
    }

    /**
     * Frees all buffers that were allocated since {@code mark} was taken.
     *
     * @throws IllegalStateException if the mark was itself released
     */
    public void release(long mark) {
        requireOpen();
        int keep = mark == 0 ? 0 : Arrays.binarySearch(serials, 0, live, mark) + 1;
        if (keep < 0 || (keep == 0 && mark != 0)) {
            throw new IllegalStateException("mark " + mark + " was released before");
        }
        if (keep == live) {
            return;
        }
        if (pool.isDebug()) {
            poisonFrom(startChunk[keep], startPosition[keep]);
        }
        chunk = startChunk[keep];
        position = startPosition[keep];
        inUse = startInUse[keep];
        Arrays.fill(serials, keep, live, 0);
        live = keep;
    }

    /** Frees all buffers. */
    public void reset() {
        release(0);
    }

    /** Gives chunks back to the pool that no live buffer is in or before. */
    public void trim() {
        requireOpen();
        int keep = live == 0 ? 0 : chunk + 1;
        while (chunks.size() > keep) {
            Buffer last = chunks.removeLast();
            reserved -= last.byteSize();
            pool.free(last);
        }
    }

    public Statistics statistics() {
        return new Statistics(inUse, peak, reserved, live, chunks.size());
    }

    /** Frees all buffers and gives the chunks back. Closing twice does nothing. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        live = 0;
        inUse = 0;
        chunks.stream().filter(Buffer::isAlive).forEach(pool::free);
        if (ownsPool) {
            pool.close();
        }
        chunks.clear();
        reserved = 0;
    }

    /** Makes {@link #chunk} and {@link #position} point to {@code bytes} of room. */
    private void moveToRoomFor(long bytes) {
        int candidate = chunk;
        long from = position;
        while (candidate < chunks.size() && chunks.get(candidate).byteSize() - from < bytes) {
            candidate++;
            from = 0;
        }
        if (candidate == chunks.size()) {
            Buffer added = pool.allocate(Math.max(chunkBytes, bytes));
            chunks.add(added);
            reserved += added.byteSize();
            from = 0;
        }
        chunk = candidate;
        position = from;
    }

    private void push(int chunkBefore, long positionBefore) {
        if (live == serials.length) {
            int length = live * 2;
            serials = Arrays.copyOf(serials, length);
            startChunk = Arrays.copyOf(startChunk, length);
            startPosition = Arrays.copyOf(startPosition, length);
            startInUse = Arrays.copyOf(startInUse, length);
        }
        serials[live] = ++lastSerial;
        startChunk[live] = chunkBefore;
        startPosition[live] = positionBefore;
        startInUse[live] = inUse;
        live++;
    }

    private void poisonFrom(int first, long offset) {
        for (int i = first; i <= chunk; i++) {
            MemorySegment memory = chunks.get(i).segment();
            long start = i == first ? offset : 0;
            long end = i == chunk ? position : memory.byteSize();
            Poison.fill(memory.asSlice(start, end - start));
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the workspace is closed");
        }
    }

    private boolean holds(int slot, long serial) {
        return slot < live && serials[slot] == serial;
    }

    private record Bump(Workspace workspace, MemorySegment memory, int slot, long serial) implements Buffer {

        @Override
        public MemorySegment segment() {
            if (!workspace.holds(slot, serial)) {
                throw new IllegalStateException("buffer of " + memory.byteSize() + " bytes was released by its workspace");
            }
            if (!memory.scope().isAlive()) {
                throw new IllegalStateException("buffer of " + memory.byteSize() + " bytes is gone: its pool or backend was closed");
            }
            return memory;
        }

        @Override
        public long byteSize() {
            return memory.byteSize();
        }

        @Override
        public boolean isAlive() {
            return workspace.holds(slot, serial) && memory.scope().isAlive();
        }
    }
}
