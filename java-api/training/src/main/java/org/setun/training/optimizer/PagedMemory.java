package org.setun.training.optimizer;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.UUID;
import org.setun.kernels.SlabSource;

/**
 * Slabs in a file that the operating system pages in and out, for state that need not stay in memory. Blocks of the file are written before they
 * are mapped, so that a full disk is an exception here and not a fault later. The file is deleted with the last use of it, also if the process is
 * killed. Thread-safe; slabs must not be unmapped while a call works on them.
 */
final class PagedMemory implements SlabSource, AutoCloseable {

    private static final int WRITTEN_AT_ONCE = 1 << 20;

    private final Path file;
    private final FileChannel channel;
    private final Map<MemorySegment, Arena> slabs = new IdentityHashMap<>();
    private long end;

    /** A new file in {@code folder}, which is made if missing. */
    PagedMemory(Path folder) {
        file = folder.resolve(".optimizer-" + UUID.randomUUID() + ".pages");
        try {
            Files.createDirectories(folder);
            channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE,
                    StandardOpenOption.DELETE_ON_CLOSE);
        } catch (IOException e) {
            throw new UncheckedIOException("optimizer.paged: cannot make " + file + ": " + e.getMessage(), e);
        }
    }

    @Override
    public synchronized MemorySegment mapSlab(long bytes) {
        Arena arena = Arena.ofShared();
        try {
            ByteBuffer zeros = ByteBuffer.allocateDirect(WRITTEN_AT_ONCE);
            for (long at = end; at < end + bytes; at += zeros.position()) {
                channel.write(zeros.clear().limit((int) Math.min(WRITTEN_AT_ONCE, end + bytes - at)), at);
            }
            MemorySegment slab = channel.map(FileChannel.MapMode.READ_WRITE, end, bytes, arena);
            slabs.put(slab, arena);
            end += bytes;
            return slab;
        } catch (IOException e) {
            arena.close();
            throw new UncheckedIOException("optimizer.paged: cannot add " + bytes + " bytes to " + file + ": " + e.getMessage()
                    + "; choose a checkpoint.folder with more room", e);
        }
    }

    @Override
    public synchronized void unmapSlab(MemorySegment slab) {
        Arena arena = slabs.get(slab);
        if (arena == null) {
            throw new IllegalArgumentException("not a mapped slab of " + file);
        }
        arena.close();
        slabs.remove(slab);
    }

    @Override
    public synchronized void close() {
        slabs.values().forEach(Arena::close);
        slabs.clear();
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException("optimizer.paged: cannot close " + file + ": " + e.getMessage(), e);
        }
    }
}
