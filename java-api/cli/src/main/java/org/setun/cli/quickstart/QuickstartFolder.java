package org.setun.cli.quickstart;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.setun.formats.FileTree;
import org.setun.training.checkpoint.FolderLock;
import org.setun.training.lm.LanguageModelTraining;

/** The folder that a quickstart writes to. A marker file says that it is one's own; only what a quickstart writes is ever deleted there. */
public final class QuickstartFolder {

    static final String MARKER = ".setun-quickstart";
    static final String RUNS = "runs";
    static final String SVG = "held-out.svg";
    static final String PNG = "held-out.png";
    static final String TERNARY = "ternary";
    static final String TWIN = "fp32 twin";
    private static final List<String> FILES = List.of(modelFile(TERNARY), modelFile(TWIN), SVG, PNG);
    private static final List<String> RUN_FOLDERS = List.of("data", LanguageModelTraining.TERNARY, LanguageModelTraining.FULL_PRECISION);

    private QuickstartFolder() {
    }

    /** The file of the model that a report calls {@code name}. */
    static String modelFile(String name) {
        return name.replace(' ', '-') + ".gguf";
    }

    /**
     * Makes {@code folder}, or removes from it what an earlier quickstart wrote; everything else there stays.
     *
     * @throws IllegalArgumentException if no quickstart made the folder and it is not empty, or a link or something else stands where a
     *                                  quickstart writes
     * @throws IOException              if a quickstart is running there
     */
    public static void prepare(Path folder) throws IOException {
        Files.createDirectories(folder.toAbsolutePath());
        Path marker = folder.resolve(MARKER);
        if (!Files.isRegularFile(marker, LinkOption.NOFOLLOW_LINKS)) {
            try (Stream<Path> entries = Files.list(folder)) {
                if (entries.findAny().isPresent()) {
                    throw new IllegalArgumentException("--out " + folder + " holds files that no quickstart wrote; name another folder");
                }
            }
            Files.createFile(marker);
            return;
        }
        Path runs = folder.resolve(RUNS);
        List<Path> files = FILES.stream().map(folder::resolve).filter(QuickstartFolder::exists).toList();
        List<Path> runFolders = RUN_FOLDERS.stream().map(runs::resolve).filter(QuickstartFolder::exists).toList();
        for (Path file : files) {
            require(Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS), file, "file");
        }
        require(!exists(runs) || Files.isDirectory(runs, LinkOption.NOFOLLOW_LINKS), runs, "folder");
        for (Path runFolder : runFolders) {
            require(Files.isDirectory(runFolder, LinkOption.NOFOLLOW_LINKS), runFolder, "folder");
            FolderLock.acquire(runFolder).close();
        }
        for (Path file : files) {
            Files.delete(file);
        }
        for (Path runFolder : runFolders) {
            FileTree.delete(runFolder);
        }
    }

    private static boolean exists(Path path) {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
    }

    private static void require(boolean holds, Path path, String kind) {
        if (!holds) {
            throw new IllegalArgumentException(
                    path + " is not the " + kind + " that a quickstart wrote: move it away, or name another folder with --out");
        }
    }
}
