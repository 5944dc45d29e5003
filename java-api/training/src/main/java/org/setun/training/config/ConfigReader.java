package org.setun.training.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import com.fasterxml.jackson.dataformat.toml.TomlMapper;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads a {@link TrainingConfig} from TOML (v1.0.0) with overrides of the form {@code section.key=value}. A key that does not exist, a value
 * of the wrong type or outside its range, and a combination that cannot work are {@link ConfigException}s.
 */
public final class ConfigReader {

    private static final long MAX_BYTES = 1 << 20;
    /** The TOML parser silently drops leading digits of integers with 19 digits, so they are refused before it sees them. */
    private static final Pattern TOO_LONG = Pattern.compile("^[^\"'#]*=\\s*[+-]?[\\d_]{19,}\\s*(#.*)?$");

    private ConfigReader() {
    }

    /** Reads {@code file}; later overrides win over earlier ones and all win over the file. */
    public static TrainingConfig read(Path file, List<String> overrides) throws IOException {
        return read(file, null, overrides, Map.of(), Map.of());
    }

    /**
     * Reads {@code file} over a preset.
     *
     * @param file   null for none
     * @param preset one of {@link Presets#names}, for a file that names none itself; null for none
     */
    public static TrainingConfig read(@Nullable Path file, @Nullable String preset, List<String> overrides) throws IOException {
        return read(file, preset, overrides, Map.of(), Map.of());
    }

    /** The same with {@code values} for keys that exist, which count most, and {@code standards}, which count least. */
    static TrainingConfig read(@Nullable Path file, @Nullable String preset, List<String> overrides, Map<String, JsonNode> values,
            Map<String, JsonNode> standards) throws IOException {
        return parse(file == null ? new ConfigSource("", "") : source(file), preset, overrides, values, standards);
    }

    private static ConfigSource source(Path file) throws IOException {
        long size = Files.size(file);
        if (size > MAX_BYTES) {
            throw new ConfigException(file + ": " + size + " bytes, a configuration has at most " + MAX_BYTES);
        }
        try {
            return new ConfigSource(file.toString(), Files.readString(file));
        } catch (CharacterCodingException e) {
            throw new ConfigException(file + ": is not UTF-8 text, so no TOML file", e);
        }
    }

    /** Parses TOML {@code text}; {@code name} stands before messages, nothing if empty. */
    public static TrainingConfig parse(String name, String text, List<String> overrides) {
        return parse(new ConfigSource(name, text), null, overrides, Map.of(), Map.of());
    }

    private static TrainingConfig parse(ConfigSource source, @Nullable String preset, List<String> overrides,
            Map<String, JsonNode> values, Map<String, JsonNode> standards) {
        ObjectNode tree = tree(source);
        SourceKeys.translate(tree, source);
        if (preset != null && !tree.has("preset")) {
            tree.put("preset", preset);
        }
        Presets.apply(tree, source);
        standards.forEach((key, value) -> {
            if (!tree.at("/" + key.replace('.', '/')).isValueNode()) {
                set(tree, key, value);
            }
        });
        for (String override : overrides) {
            override(tree, override);
        }
        values.forEach((key, value) -> set(tree, key, value));
        return bind(source, tree).validated();
    }

    /** {@code base} with {@code overrides} of the form {@code section.key=value}. */
    public static TrainingConfig override(TrainingConfig base, List<String> overrides) {
        return parse("", ConfigWriter.toToml(base), overrides);
    }

    /** A configuration from the tree that {@link ConfigWriter#toMap} makes, for instance out of a checkpoint's JSON. */
    public static TrainingConfig fromMap(String name, Map<String, ?> sections) {
        ObjectNode tree = new TomlMapper().valueToTree(sections);
        return bind(new ConfigSource(name, ""), tree).validated();
    }

    /** Checks a configuration that was made in code as if it had been read; returns it. */
    public static TrainingConfig check(TrainingConfig config) {
        return fromMap("", ConfigWriter.toMap(config));
    }

    private static ObjectNode tree(ConfigSource source) {
        int number = 0;
        for (String line : source.text().split("\n", -1)) {
            number++;
            if (TOO_LONG.matcher(line.strip()).matches()) {
                throw new ConfigException(source.name() + ":" + number + ": " + line.strip() + ": an integer has at most 18 digits");
            }
        }
        try {
            JsonNode node = new TomlMapper().readTree(source.text());
            return node instanceof ObjectNode object ? object : new TomlMapper().createObjectNode();
        } catch (JsonProcessingException e) {
            String line = e.getLocation() == null ? "" : ":" + e.getLocation().getLineNr();
            throw new ConfigException(source.name() + line + ": not valid TOML: " + e.getOriginalMessage(), e);
        }
    }

    private static void override(ObjectNode tree, String override) {
        int equals = override.indexOf('=');
        if (equals <= 0) {
            throw new ConfigException("override '" + override + "': must be section.key=value");
        }
        String dotted = override.substring(0, equals).strip();
        String value = override.substring(equals + 1).strip();
        if (dotted.indexOf('.') < 0 || !ConfigKeys.dotted().contains(dotted)) {
            throw new ConfigException("override '" + override + "': unknown key; did you mean " + ConfigKeys.nearestDotted(dotted) + "?");
        }
        set(tree, dotted, value(value));
    }

    private static void set(ObjectNode tree, String dotted, JsonNode value) {
        int dot = dotted.indexOf('.');
        String section = dotted.substring(0, dot);
        JsonNode existing = tree.get(section);
        if (existing != null && !existing.isObject()) {
            throw new ConfigException(section + " = " + existing + ": must be a section");
        }
        tree.withObject("/" + section).set(dotted.substring(dot + 1), value);
    }

    /** {@code text} as a TOML value, or as a string if it is none: {@code --set data.glob=**.java} needs no quotes. */
    private static JsonNode value(String text) {
        if (TOO_LONG.matcher("v = " + text).matches()) {
            throw new ConfigException(text + ": an integer has at most 18 digits");
        }
        try {
            JsonNode node = new TomlMapper().readTree("v = " + text);
            if (node.size() == 1 && node.has("v") && !node.get("v").isObject()) {
                return node.get("v");
            }
        } catch (JsonProcessingException e) {
            return TextNode.valueOf(text);
        }
        return TextNode.valueOf(text);
    }

    private static TrainingConfig bind(ConfigSource source, ObjectNode tree) {
        List<String> sections = ConfigKeys.of(TrainingConfig.class);
        tree.fieldNames().forEachRemaining(section -> {
            if (!sections.contains(section)) {
                throw new ConfigException(source.at(section, "") + "[" + section + "]: unknown section; did you mean ["
                        + ConfigKeys.nearest(section, sections) + "]?");
            }
        });
        TrainingConfig defaults = TrainingConfig.defaults();
        Object[] parts = new Object[sections.size()];
        RecordComponent[] components = TrainingConfig.class.getRecordComponents();
        for (int i = 0; i < parts.length; i++) {
            Object standard = ConfigBinder.get(components[i], defaults);
            JsonNode node = tree.get(sections.get(i));
            parts[i] = node == null ? standard : new ConfigBinder(source, sections.get(i)).bind(standard, node);
        }
        return (TrainingConfig) ConfigBinder.make(TrainingConfig.class, parts);
    }
}
