package org.setun.cli;

import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** What a path on the command line has to be, said before a read fails with less to say. */
final class InputFiles {

    private InputFiles() {
    }

    /** Refuses a folder; whether a file can be read is for its reader to say. */
    static void requireFile(Path path, String wanted) {
        if (Files.isDirectory(path)) {
            throw new IllegalArgumentException(path + " is a folder; name " + wanted);
        }
    }

    /** Refuses what is not a folder. */
    static void requireFolder(Path path, String wanted) throws NoSuchFileException {
        if (Files.notExists(path)) {
            throw new NoSuchFileException(path.toString());
        }
        if (!Files.isDirectory(path)) {
            throw new IllegalArgumentException(path + " is not a folder; name " + wanted);
        }
    }
}
