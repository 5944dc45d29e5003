package org.setun.training.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.setun.formats.FormatException;

/** Reads and checks {@code checkpoint.json}. */
final class CheckpointReader {

    private static final long MAX_BYTES = 64 << 20;
    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES);

    /** Key of the checksums, CRC-32C. */
    static final String SUMS = "crc32c";
    /** What it was in version 1, with SHA-256, which took longer than writing. */
    static final String OLD_SUMS = "sha256";

    /** The state, and the checksum of every other file: SHA-256 if {@code isOld}. */
    record Content(TrainingState state, Map<String, String> sums, boolean isOld) {

        String key() {
            return isOld ? OLD_SUMS : SUMS;
        }
    }

    private CheckpointReader() {
    }

    static Content readState(Path checkpoint) throws IOException {
        Path file = checkpoint.resolve(CheckpointStore.STATE_FILE);
        if (!Files.isRegularFile(file)) {
            throw bad(file, "file", "is missing");
        }
        if (Files.size(file) > MAX_BYTES) {
            throw bad(file, "length", Files.size(file) + " bytes, at most " + MAX_BYTES + " are read");
        }
        try {
            JsonNode root = JSON.readTree(Files.readAllBytes(file));
            if (!root.path("format").asText().equals("setun-checkpoint")) {
                throw bad(file, "format", "'" + root.path("format").asText() + "', must be 'setun-checkpoint'");
            }
            int version = root.path("version").asInt();
            if (version < 1 || version > CheckpointStore.FORMAT_VERSION) {
                throw bad(file, "version", version + ", this program reads 1 to " + CheckpointStore.FORMAT_VERSION);
            }
            if (version == 1) {
                migrate(root.path("state"));
            }
            TrainingState state = JSON.treeToValue(root.path("state"), TrainingState.class);
            if (state == null || state.step() < 0 || state.updates() < 0 || state.samples() < 0 || state.microBatch() < 1
                    || state.evaluations() == null
                    || state.memory() == null || state.config() == null) {
                throw bad(file, "state", "is missing, incomplete or has a negative count");
            }
            Map<String, String> sums = new LinkedHashMap<>();
            root.path(version == 1 ? OLD_SUMS : SUMS).properties()
                    .forEach(entry -> sums.put(entry.getKey(), entry.getValue().asText()));
            return new Content(state, sums, version == 1);
        } catch (JsonProcessingException e) {
            throw new FormatException(file.toString(), FormatException.NO_OFFSET, "JSON", e.getOriginalMessage(), "", e);
        }
    }

    /** Version 1 knew nothing of what callbacks remember. */
    private static void migrate(JsonNode state) {
        if (state instanceof ObjectNode fields) {
            fields.putObject("memory");
        }
    }

    static FormatException bad(Path file, String field, String problem) {
        return new FormatException(file.toString(), FormatException.NO_OFFSET, field, problem,
                "the checkpoint is unusable; an earlier one may be whole");
    }
}
