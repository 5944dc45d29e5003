package org.setun.training.checkpoint;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.setun.formats.Sha256;
import org.setun.formats.safetensors.SafetensorsWriter;

/**
 * The files of a checkpoint, side by side: a thread hashes while another writes, and both files are under way at once, so that a save takes about as
 * long as the device does, and a check as long as the larger file.
 */
final class CheckpointFiles {

    private CheckpointFiles() {
    }

    /**
     * Writes files of tensors.
     *
     * @param files by name in {@code folder}
     * @return the SHA-256 of each, computed from the tensors and not from what the device gives back
     */
    static Map<String, String> write(Path folder, Map<String, List<NamedTensor>> files) throws IOException {
        List<Callable<String>> work = new ArrayList<>();
        for (Map.Entry<String, List<NamedTensor>> file : files.entrySet()) {
            SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "setun");
            for (NamedTensor tensor : file.getValue()) {
                writer.tensor(tensor.name(), tensor.type(), tensor.shape(), tensor.data());
            }
            work.add(() -> {
                writer.write(folder.resolve(file.getKey()));
                return "";
            });
            work.add(writer::sha256);
        }
        List<String> results = all(work);
        Map<String, String> hashes = new LinkedHashMap<>();
        int at = 1;
        for (String name : files.keySet()) {
            hashes.put(name, results.get(at));
            at += 2;
        }
        return hashes;
    }

    /** The SHA-256 of files on disk, in order. */
    static List<String> hashes(List<Path> files) throws IOException {
        return all(files.stream().<Callable<String>>map(file -> () -> Sha256.of(file)).toList());
    }

    /** Runs everything at once and waits for all of it; the first failure is thrown. */
    private static List<String> all(List<Callable<String>> work) throws IOException {
        try (ExecutorService threads = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().daemon().name("setun-checkpoint-", 0).factory())) {
            List<String> results = new ArrayList<>();
            for (Future<String> result : threads.invokeAll(work)) {
                results.add(result.get());
            }
            return results;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while files of a checkpoint were written or read");
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case IOException cause -> throw cause;
                case RuntimeException cause -> throw cause;
                case Error cause -> throw cause;
                case null, default -> throw new IOException(e);
            }
        }
    }
}
