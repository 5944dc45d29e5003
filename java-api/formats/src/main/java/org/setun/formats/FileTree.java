package org.setun.formats;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** A file or folder with all that is in it. */
public final class FileTree {

    private FileTree() {
    }

    /**
     * Deletes {@code path} and what is in it; links are deleted, not followed. Does nothing if there is no such path.
     *
     * @throws IOException if something cannot be deleted; the rest may be gone
     */
    public static void delete(Path path) throws IOException {
        if (!Files.exists(path)) {
            return;
        }
        try (Stream<Path> walk = Files.walk(path)) {
            for (Path entry : walk.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(entry);
            }
        } catch (UncheckedIOException e) { // from the stream, which cannot throw what it is
            throw e.getCause();
        }
    }
}
