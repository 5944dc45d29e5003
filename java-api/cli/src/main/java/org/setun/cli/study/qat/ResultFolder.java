package org.setun.cli.study.qat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.setun.formats.AtomicFile;

/**
 * The folder of a study: {@code study.json} says what it compares, {@code results/NAME.json} holds one finished run each. A study that is
 * started again finds there what is done.
 *
 * @param <R> the record of a finished run
 */
final class ResultFolder<R> {

    private static final ObjectMapper MAPPER = JsonMapper.builder().propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE).build();
    private static final String SETTINGS = "study.json";

    private final Path folder;
    private final Class<R> type;

    private ResultFolder(Path folder, Class<R> type) {
        this.folder = folder;
        this.type = type;
    }

    /**
     * Opens a folder, made if missing.
     *
     * @param settings what all runs have in common; a folder that was made with others is refused, since its results would not compare
     */
    static <R> ResultFolder<R> open(Path folder, Map<String, String> settings, Class<R> type) throws IOException {
        Files.createDirectories(folder.resolve("results"));
        Path file = folder.resolve(SETTINGS);
        Map<String, String> wanted = new TreeMap<>(settings);
        if (Files.exists(file)) {
            Map<?, ?> present = read(file, TreeMap.class);
            for (String key : wanted.keySet()) {
                if (!wanted.get(key).equals(present.get(key))) {
                    throw new IllegalArgumentException("folder " + folder + " holds a study with " + key + " = " + present.get(key)
                            + ", not " + wanted.get(key) + ": choose another --out, or the same settings");
                }
            }
        } else {
            write(file, wanted);
        }
        return new ResultFolder<>(folder, type);
    }

    Path folder() {
        return folder;
    }

    /** The result of a run, if it has finished. */
    Optional<R> find(String run) throws IOException {
        Path file = file(run);
        return Files.exists(file) ? Optional.of(read(file, type)) : Optional.empty();
    }

    /** Keeps the result of a finished run; returns it as it will be read again. */
    R keep(String run, R result) throws IOException {
        write(file(run), result);
        return read(file(run), type);
    }

    private Path file(String run) {
        return folder.resolve("results").resolve(run + ".json");
    }

    private static <T> T read(Path file, Class<T> type) throws IOException {
        try {
            return MAPPER.readValue(Files.readAllBytes(file), type);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(file + " cannot be read as a result: " + e.getOriginalMessage()
                    + "; delete it, and the run is done again", e);
        }
    }

    private static void write(Path file, Object value) throws IOException {
        byte[] json = MAPPER.writerWithDefaultPrettyPrinter().writeValueAsBytes(value);
        AtomicFile.write(file, json);
    }
}
