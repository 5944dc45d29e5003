package org.setun.formats.safetensors;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import org.setun.formats.FormatException;

/** {@code model.safetensors.index.json}: which files a checkpoint is cut into. */
public final class SafetensorsIndex {

    private static final long MAX_SIZE = 64L << 20;
    private static final JsonMapper JSON = new JsonMapper(JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(16).build())
            .build());

    private SafetensorsIndex() {
    }

    /**
     * The files that an index names, sorted; all in its folder.
     *
     * @throws FormatException if the index is damaged or names a file elsewhere
     * @throws IOException if it cannot be read
     */
    public static List<Path> files(Path index) throws IOException {
        if (Files.size(index) > MAX_SIZE) {
            throw new FormatException(index.toString(), FormatException.NO_OFFSET, "file",
                    "has " + Files.size(index) + " bytes, allowed is " + MAX_SIZE, "this is not the index of a checkpoint");
        }
        return parse(new String(Files.readAllBytes(index), StandardCharsets.UTF_8), index.toString()).stream()
                .map(index::resolveSibling).toList();
    }

    /** The names in an index, sorted; {@code name} stands in messages. */
    public static List<String> parse(String json, String name) {
        JsonNode map;
        try {
            map = JSON.readTree(json).path("weight_map");
        } catch (JacksonException e) {
            throw new FormatException(name, FormatException.NO_OFFSET, "file", "is not valid JSON: " + e.getOriginalMessage(), "", e);
        }
        TreeSet<String> files = new TreeSet<>();
        for (JsonNode file : map) {
            String text = file.asText("");
            if (!text.endsWith(".safetensors") || text.contains("/") || text.contains("\\") || text.indexOf('\0') >= 0) {
                throw new FormatException(name, FormatException.NO_OFFSET, "weight_map", "names the file '" + text
                        + "', allowed are .safetensors files of the same folder", "the index is damaged");
            }
            files.add(text);
        }
        if (files.isEmpty()) {
            throw new FormatException(name, FormatException.NO_OFFSET, "weight_map", "is missing or empty",
                    "this is not the index of a checkpoint");
        }
        return List.copyOf(files);
    }
}
