package org.setun.training.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.toml.TomlMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Configurations with a name: {@code preset = "bitnet-158"} at the top of a TOML file, or {@code setun train --preset}. A preset gives values to some
 * keys; what the file and the overrides say counts more, what nothing says has its default.
 */
public final class Presets {

    private static final List<String> NAMES = List.of("bitnet-158", "bitnet-a48", "bitnet-optimized", "bitnet-v2", "bitnet-v2-int4",
            "paretoq-2bit", "paretoq-3bit",
            "paretoq-4bit", "paretoq-ternary", "pi-q2", "pi-q3", "pi-tan2", "pi-tan3", "q4_0");

    private Presets() {
    }

    /** All names, sorted. */
    public static List<String> names() {
        return NAMES;
    }

    /**
     * The TOML text of a preset; its first line says what it is.
     *
     * @throws ConfigException if there is none of this name
     */
    public static String text(String name) {
        if (!NAMES.contains(name)) {
            throw new ConfigException("preset = \"" + name + "\": unknown; did you mean \"" + ConfigKeys.nearest(name, NAMES)
                    + "\"? There are " + String.join(", ", NAMES));
        }
        try (InputStream in = Presets.class.getResourceAsStream("presets/" + name + ".toml")) {
            if (in == null) {
                throw new IllegalStateException("preset " + name + " is not in the program");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What a preset is, in a line. */
    public static String description(String name) {
        return text(name).lines().findFirst().orElseThrow().substring(2);
    }

    /** What a preset says of a section, as {@code section.key=value}. */
    public static List<String> overrides(String name, String section) {
        try {
            return new TomlMapper().readTree(text(name)).path(section).properties().stream()
                    .map(key -> section + "." + key.getKey() + "=" + key.getValue()).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Takes {@code preset} off {@code tree} and lays what it says under the rest. */
    static void apply(ObjectNode tree, ConfigSource source) {
        JsonNode name = tree.remove("preset");
        if (name == null) {
            return;
        }
        if (!name.isTextual()) {
            throw new ConfigException(source.at("", "preset") + "preset = " + name + ": must be a string");
        }
        try {
            JsonNode preset = new TomlMapper().readTree(text(name.asText()));
            preset.properties().forEach(section -> {
                JsonNode given = tree.get(section.getKey());
                if (given instanceof ObjectNode keys) {
                    section.getValue().properties().forEach(key -> keys.putIfAbsent(key.getKey(), key.getValue()));
                } else if (given == null) {
                    tree.set(section.getKey(), section.getValue());
                } // else the binder refuses what is no section
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
