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
import org.setun.formats.safetensors.SafetensorsWriter;

/** The files of a checkpoint, one thread each, so that a save takes about as long as the device does, and a check as long as the largest file. */
final class CheckpointFiles {

    /** Computes the checksum of a file. */
    interface Check {
        String of(Path file) throws IOException;
    }

    private CheckpointFiles() {
    }

    /**
     * Writes files of tensors.
     *
     * @param files by name in {@code folder}
     * @return the CRC-32C of each, computed from the tensors and not from what the device gives back
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
                return writer.crc32c();
            });
        }
        List<String> sums = all(work);
        Map<String, String> byName = new LinkedHashMap<>();
        for (String name : files.keySet()) {
            byName.put(name, sums.get(byName.size()));
        }
        return byName;
    }

    /** The checksums of files on disk, in order. */
    static List<String> check(List<Path> files, Check check) throws IOException {
        return all(files.stream().<Callable<String>>map(file -> () -> check.of(file)).toList());
    }

    /** Runs everything at once and waits for all of it; the first failure is thrown. */
    private static List<String> all(List<Callable<String>> work) throws IOException {
        try (ExecutorService threads = Executors
                .newThreadPerTaskExecutor(Thread.ofPlatform().daemon().name("setun-checkpoint-", 0).factory())) {
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
