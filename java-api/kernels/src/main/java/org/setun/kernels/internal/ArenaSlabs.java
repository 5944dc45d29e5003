package org.setun.kernels.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.setun.kernels.PoolExhaustedException;
import org.setun.kernels.SlabSource;

/** Slabs from the JDK alone, one shared arena each. */
public final class ArenaSlabs implements SlabSource, AutoCloseable {

    private final Map<Long, Arena> arenas = new ConcurrentHashMap<>();

    @Override
    public MemorySegment mapSlab(long bytes) {
        Checks.mapSlab(bytes);
        Arena arena = Arena.ofShared();
        try {
            MemorySegment slab = arena.allocate(bytes, Block.UNIT);
            arenas.put(slab.address(), arena);
            return slab;
        } catch (OutOfMemoryError e) {
            arena.close();
            throw new PoolExhaustedException("the operating system refused a slab of " + bytes + " bytes: " + e.getMessage(), bytes);
        }
    }

    @Override
    public void unmapSlab(MemorySegment slab) {
        Arena arena = arenas.get(slab.address());
        if (arena == null) {
            throw new IllegalArgumentException("slab at 0x" + Long.toHexString(slab.address()) + " is not mapped here");
        }
        arena.close();
        arenas.remove(slab.address(), arena);
    }

    /** Gives all slabs back. */
    @Override
    public void close() {
        arenas.forEach((address, arena) -> {
            arena.close();
            arenas.remove(address, arena);
        });
    }
}
