package org.setun.training.checkpoint;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.setun.formats.AtomicFile;
import org.setun.formats.Crc32c;
import org.setun.formats.FileTree;
import org.setun.formats.FormatException;

/**
 * A folder of checkpoints, one subfolder each: {@code step-00000120/} with {@code model.safetensors}, {@code optimizer.safetensors} (the
 * moments, with the parameters' names and {@code .m} or {@code .v}), further files such as {@code tokenizer.json}, and {@code checkpoint.json}
 * with the {@link TrainingState}, the format version and the CRC-32C of every other file. A checkpoint is written under a temporary name,
 * forced to disk and renamed, so a name of the form {@code step-N} always holds a whole one, whenever the process dies. A folder serves one
 * process at a time.
 */
public final class CheckpointStore implements AutoCloseable {

    /** The version that is written; newer ones are refused. */
    public static final int FORMAT_VERSION = 2;
    /** The weights, by GGUF name. */
    public static final String MODEL_FILE = "model.safetensors";
    /** The optimizer's moments. */
    public static final String OPTIMIZER_FILE = "optimizer.safetensors";
    /** State, format version and checksums. */
    public static final String STATE_FILE = "checkpoint.json";

    private static final Pattern NAME = Pattern.compile("step-(\\d{8,18})");
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Sees each action of a save before it happens; tests let it fail there. */
    interface Probe {
        void before(String action) throws IOException;
    }

    private final Path folder;
    private final int keep;
    private final boolean higherIsBetter;
    private final FolderLock lock;
    private final Probe probe;

    private CheckpointStore(Path folder, int keep, boolean higherIsBetter, Probe probe) throws IOException {
        this.folder = folder;
        this.keep = keep;
        this.higherIsBetter = higherIsBetter;
        this.probe = probe;
        lock = FolderLock.acquire(folder);
        try {
            removeLeftovers();
        } catch (IOException | RuntimeException e) {
            lock.close();
            throw e;
        }
    }

    /**
     * Opens {@code folder}, made if missing, for this process alone, and removes what an interrupted save left there.
     *
     * @param keep           newest checkpoints to keep, 0 = all; the best one by the metric stays beyond them
     * @param higherIsBetter which way the metric of the evaluations points
     */
    public static CheckpointStore open(Path folder, int keep, boolean higherIsBetter) throws IOException {
        return open(folder, keep, higherIsBetter, action -> {
        });
    }

    static CheckpointStore open(Path folder, int keep, boolean higherIsBetter, Probe probe) throws IOException {
        if (keep < 0) {
            throw new IllegalArgumentException("checkpoints to keep: " + keep + ", must be at least 0");
        }
        return new CheckpointStore(folder, keep, higherIsBetter, probe);
    }

    public Path folder() {
        return folder;
    }

    /**
     * Writes a checkpoint and removes those that are no longer kept; if it fails, all earlier ones are as they were. Several threads read the tensors,
     * which must be open to all.
     */
    public Path save(TrainingState state, List<NamedTensor> weights, List<NamedTensor> moments, Map<String, byte[]> files)
            throws IOException {
        Path target = write(state, weights, moments, files);
        force();
        prune();
        return target;
    }

    /** As {@link #save}, up to the name: the checkpoint is whole when this returns. {@link #force} has the name outlast a power cut, too. */
    Path write(TrainingState state, List<NamedTensor> weights, List<NamedTensor> moments, Map<String, byte[]> files)
            throws IOException {
        Path target = pathOf(state.step());
        Path temporary = folder.resolve("." + target.getFileName() + "." + ProcessHandle.current().pid() + ".tmp");
        try {
            probe.before("create");
            FileTree.delete(temporary);
            Files.createDirectory(temporary);
            probe.before(MODEL_FILE);
            probe.before(OPTIMIZER_FILE);
            Map<String, String> sums = new TreeMap<>(
                    CheckpointFiles.write(temporary, Map.of(MODEL_FILE, weights, OPTIMIZER_FILE, moments)));
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                probe.before(file.getKey());
                AtomicFile.write(temporary.resolve(file.getKey()), file.getValue());
                sums.put(file.getKey(), Crc32c.of(MemorySegment.ofArray(file.getValue())));
            }
            probe.before(STATE_FILE);
            writeState(temporary, state, sums);
            probe.before("rename");
            publish(temporary, target);
        } catch (IOException | RuntimeException e) {
            try {
                FileTree.delete(temporary);
            } catch (IOException alsoFailed) {
                e.addSuppressed(alsoFailed);
            }
            throw e;
        }
        return target;
    }

    /** Where the checkpoint of a step is, or would be. */
    public Path pathOf(long step) {
        return folder.resolve(String.format("step-%08d", step));
    }

    private static void writeState(Path checkpoint, TrainingState state, Map<String, String> sums) throws IOException {
        Map<String, Object> content = new LinkedHashMap<>();
        content.put("format", "setun-checkpoint");
        content.put("version", FORMAT_VERSION);
        content.put("state", state);
        content.put(CheckpointReader.SUMS, sums);
        AtomicFile.write(checkpoint.resolve(STATE_FILE), JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(content));
    }

    /** Gives a finished checkpoint its name. One of the same step, from before a resume, makes way first; {@link #prune} deletes it. */
    private void publish(Path temporary, Path target) throws IOException {
        force(temporary);
        Path old = folder.resolve("." + target.getFileName() + ".old.tmp");
        FileTree.delete(old);
        boolean replaces = Files.exists(target);
        if (replaces) {
            Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
        }
        try {
            probe.before("replace");
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException | RuntimeException e) {
            if (replaces) {
                Files.move(old, target, StandardCopyOption.ATOMIC_MOVE);
            }
            throw e;
        }
    }

    /** Has the names of all checkpoints written to the device. */
    void force() throws IOException {
        probe.before("force");
        force(folder);
    }

    private static void force(Path directory) throws IOException {
        if (!System.getProperty("os.name", "").startsWith("Windows")) {
            try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }

    /** All checkpoints, by step. */
    public List<Path> list() throws IOException {
        return list(folder);
    }

    /** All checkpoints of {@code folder}, by step. */
    public static List<Path> list(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return new ArrayList<>(entries.filter(path -> step(path) >= 0 && Files.isDirectory(path))
                    .sorted(Comparator.comparingLong(CheckpointStore::step)).toList());
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (UncheckedIOException e) {
            throw e.getCause(); // streams cannot throw what it is
        }
    }

    private static long step(Path checkpoint) {
        Matcher matcher = NAME.matcher(checkpoint.getFileName().toString());
        return matcher.matches() ? Long.parseLong(matcher.group(1)) : -1;
    }

    /**
     * The newest checkpoint, checked; empty if there is none. A damaged one is an error, unless {@code fallBack} allows the one before it.
     */
    public Optional<Checkpoint> latest(boolean fallBack) throws IOException {
        return latest(folder, fallBack);
    }

    /** As {@link #latest(boolean)}, for a folder that is only read. */
    public static Optional<Checkpoint> latest(Path folder, boolean fallBack) throws IOException {
        List<Path> all = list(folder);
        for (int i = all.size() - 1; i >= 0; i--) {
            try {
                return Optional.of(Checkpoint.open(all.get(i)));
            } catch (FormatException e) {
                if (!fallBack || i == 0) {
                    throw e;
                }
            }
        }
        return Optional.empty();
    }

    /** The newest whole checkpoint of {@code step} or before, checked, after all later ones were deleted; empty, with none deleted, if there is none. */
    public Optional<Checkpoint> before(long step) throws IOException {
        List<Path> all = list();
        for (int i = all.size() - 1; i >= 0; i--) {
            if (step(all.get(i)) <= step) {
                try {
                    Checkpoint found = Checkpoint.open(all.get(i));
                    for (Path later : all.subList(i + 1, all.size())) {
                        discard(later);
                    }
                    return Optional.of(found);
                } catch (FormatException e) {
                    continue; // a damaged one is no way back; an earlier one may be
                }
            }
        }
        return Optional.empty();
    }

    /** The checkpoint whose own evaluation was the best; empty if none was evaluated with the bits that it is trained for. */
    public Optional<Path> best() throws IOException {
        Path best = null;
        double bestValue = 0;
        for (Path path : list()) {
            Optional<Double> value = evaluatedValue(path);
            if (value.isPresent() && (best == null || (higherIsBetter ? value.get() > bestValue : value.get() < bestValue))) {
                best = path;
                bestValue = value.get();
            }
        }
        return Optional.ofNullable(best);
    }

    /** The metric of the evaluation at the checkpoint's step; empty if there was none, it was of more bits, or the file cannot be read. */
    private static Optional<Double> evaluatedValue(Path checkpoint) {
        try {
            TrainingState state = CheckpointReader.readState(checkpoint).state();
            return state.evaluations().stream()
                    .filter(e -> e.step() == state.step() && !Double.isNaN(e.value()) && !state.hasMoreBits()).reduce((a, b) -> b)
                    .map(TrainingState.Evaluation::value);
        } catch (IOException | FormatException e) {
            return Optional.empty();
        }
    }

    /** Removes the checkpoints that are no longer kept, and what a new one has replaced. */
    void prune() throws IOException {
        probe.before("prune");
        removeLeftovers();
        List<Path> all = list();
        if (keep == 0 || all.size() <= keep) {
            return;
        }
        Optional<Path> best = best();
        for (Path path : all.subList(0, all.size() - keep)) {
            if (!best.equals(Optional.of(path))) {
                discard(path);
            }
        }
    }

    /** Takes the name away first, so that no half-deleted folder looks like a checkpoint. */
    private void discard(Path checkpoint) throws IOException {
        Path doomed = folder.resolve("." + checkpoint.getFileName() + ".drop.tmp");
        FileTree.delete(doomed);
        Files.move(checkpoint, doomed, StandardCopyOption.ATOMIC_MOVE);
        FileTree.delete(doomed);
    }

    /** Removes unfinished saves; an old checkpoint that made way for one that was never renamed gets its name back. */
    private void removeLeftovers() throws IOException {
        List<Path> leftovers;
        try (Stream<Path> entries = Files.list(folder)) {
            leftovers = entries.filter(path -> path.getFileName().toString().matches("\\.step-\\d+\\..*tmp")).toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        for (Path path : leftovers) {
            String name = path.getFileName().toString();
            Path original = folder.resolve(name.substring(1, name.indexOf('.', 1)));
            if (name.endsWith(".old.tmp") && !Files.exists(original)) {
                Files.move(path, original, StandardCopyOption.ATOMIC_MOVE);
            } else {
                FileTree.delete(path);
            }
        }
    }

    @Override
    public void close() throws IOException {
        lock.close();
    }
}
