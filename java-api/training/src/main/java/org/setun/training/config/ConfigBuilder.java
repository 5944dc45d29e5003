package org.setun.training.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Makes a {@link TrainingConfig} in code, with the names that the TOML file has:
 *
 * <pre>{@code
 * TrainingConfig config = TrainingConfig.builder()
 *         .preset("paretoq-2bit")
 *         .set("data.paths", List.of("texts"))
 *         .set("quantization.scale", ScaleRule.ABSMEAN)
 *         .set("training.max_steps", 2000)
 *         .build();
 * }</pre>
 *
 * A key is refused at once if it does not exist, its value when all is {@linkplain #build built}. Not thread-safe.
 */
public final class ConfigBuilder {

    private static final ObjectMapper TREES = new ObjectMapper();

    private final Map<String, JsonNode> values = new LinkedHashMap<>();
    private final Map<String, JsonNode> standards = new LinkedHashMap<>();
    private final List<String> overrides = new ArrayList<>();
    private @Nullable Path file;
    private @Nullable String preset;

    ConfigBuilder() {
    }

    /** Begins with a preset; what the file and {@link #set} say counts more. */
    public ConfigBuilder preset(String name) {
        Presets.text(name); // refuses unknown names
        preset = name;
        return this;
    }

    /** Begins with a TOML file; what {@link #set} says counts more. */
    public ConfigBuilder file(Path toml) {
        file = toml;
        return this;
    }

    /**
     * Sets a key.
     *
     * @param key   with its section: {@code training.max_steps}
     * @param value a number, boolean, string, path, enum constant, or a list of these
     * @throws ConfigException if there is no such key; the message names the nearest
     */
    public ConfigBuilder set(String key, Object value) {
        values.put(known(key), TREES.valueToTree(plain(value)));
        return this;
    }

    /** Gives a key another default: what preset and file say counts more. */
    public ConfigBuilder standard(String key, Object value) {
        standards.put(known(key), TREES.valueToTree(plain(value)));
        return this;
    }

    /** Sets keys as text, {@code section.key=value} each, as {@link ConfigReader#override} does; {@link #set} counts more. */
    public ConfigBuilder override(List<String> texts) {
        overrides.addAll(texts);
        return this;
    }

    private static String known(String key) {
        if (!ConfigKeys.dotted().contains(key)) {
            throw new ConfigException(key + ": unknown key; did you mean " + ConfigKeys.nearestDotted(key) + "?");
        }
        return key;
    }

    private static Object plain(Object value) {
        return switch (value) {
            case Enum<?> constant -> constant.name().toLowerCase(Locale.ROOT);
            case Path path -> path.toString();
            case List<?> list -> list.stream().map(ConfigBuilder::plain).toList();
            case Object[] array -> Arrays.stream(array).map(ConfigBuilder::plain).toList();
            default -> value;
        };
    }

    /**
     * The configuration.
     *
     * @throws ConfigException as {@link ConfigReader} does for a file
     * @throws IOException     if the file cannot be read
     */
    public TrainingConfig build() throws IOException {
        return ConfigReader.read(file, preset, overrides, values, standards);
    }
}
