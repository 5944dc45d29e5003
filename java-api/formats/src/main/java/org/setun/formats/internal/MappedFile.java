package org.setun.formats.internal;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.BiFunction;

/** A whole file mapped read-only; usable by all threads until closed. */
public final class MappedFile implements AutoCloseable {

    private final Arena arena;
    private final MemorySegment data;

    private MappedFile(Arena arena, MemorySegment data) {
        this.arena = arena;
        this.data = data;
    }

    /** Maps {@code path} and hands it to {@code parser}; unmaps it again if the parser throws. */
    public static <T> T open(Path path, BiFunction<MappedFile, MemorySegment, T> parser) throws IOException {
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            MemorySegment data = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            return parser.apply(new MappedFile(arena, data), data);
        } catch (Throwable failure) {
            arena.close();
            throw failure;
        }
    }

    /** The bytes of the file. */
    public MemorySegment data() {
        return data;
    }

    @Override
    public void close() {
        arena.close();
    }
}
