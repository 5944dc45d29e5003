package org.setun.training.config;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.lang.reflect.RecordComponent;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Writes a {@link TrainingConfig} so that {@link ConfigReader} reads back the same one. */
public final class ConfigWriter {

    private ConfigWriter() {
    }

    /** Sections, then keys in snake_case, then values that JSON knows: numbers, strings, booleans, lists of strings. */
    public static Map<String, Map<String, Object>> toMap(TrainingConfig config) {
        Map<String, Map<String, Object>> sections = new LinkedHashMap<>();
        for (RecordComponent section : TrainingConfig.class.getRecordComponents()) {
            Object record = ConfigBinder.get(section, config);
            Map<String, Object> keys = new LinkedHashMap<>();
            for (RecordComponent key : section.getType().getRecordComponents()) {
                Object value = ConfigBinder.get(key, record);
                keys.put(ConfigKeys.snakeCase(key.getName()), value instanceof Enum<?> e ? e.name().toLowerCase(Locale.ROOT) : value);
            }
            sections.put(ConfigKeys.snakeCase(section.getName()), keys);
        }
        return sections;
    }

    /** TOML with one comment per key that says what the key means. */
    public static String toToml(TrainingConfig config) {
        StringBuilder text = new StringBuilder();
        Map<String, Map<String, Object>> sections = toMap(config);
        for (RecordComponent section : TrainingConfig.class.getRecordComponents()) {
            Map<String, Object> keys = sections.get(ConfigKeys.snakeCase(section.getName()));
            text.append(text.isEmpty() ? "" : "\n").append('[').append(ConfigKeys.snakeCase(section.getName())).append("]\n");
            for (RecordComponent key : section.getType().getRecordComponents()) {
                String name = ConfigKeys.snakeCase(key.getName());
                text.append(name).append(" = ").append(literal(keys.get(name))).append("  # ")
                        .append(key.getAnnotation(Setting.class).value()).append('\n');
            }
        }
        return text.toString();
    }

    /** {@code text} as a string of TOML, for an override such as {@code data.glob=...}: it is read back whatever characters it has. */
    public static String quoted(String text) {
        return '"' + new String(JsonStringEncoder.getInstance().quoteAsString(text)).replace("\u007f", "\\u007f") + '"';
    }

    /** A path as a string of TOML. */
    public static String quoted(Path path) {
        return quoted(path.toString());
    }

    private static String literal(Object value) {
        return switch (value) {
            case String s -> quoted(s);
            case List<?> list -> list.stream().map(ConfigWriter::literal).collect(Collectors.joining(", ", "[", "]"));
            default -> value.toString();
        };
    }
}
