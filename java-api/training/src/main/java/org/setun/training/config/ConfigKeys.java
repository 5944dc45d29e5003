package org.setun.training.config;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.setun.formats.NearNames;

/** The names of sections and keys, and which name was probably meant. */
final class ConfigKeys {

    private ConfigKeys() {
    }

    /** {@code maxSteps} as {@code max_steps}. */
    static String snakeCase(String name) {
        return name.replaceAll("([a-z0-9])([A-Z])", "$1_$2").toLowerCase(Locale.ROOT);
    }

    static List<String> of(Class<?> section) {
        return Arrays.stream(section.getRecordComponents()).map(RecordComponent::getName).map(ConfigKeys::snakeCase).toList();
    }

    /** Every key with its section: {@code training.max_steps}. */
    static List<String> dotted() {
        List<String> keys = new ArrayList<>();
        for (RecordComponent section : TrainingConfig.class.getRecordComponents()) {
            of(section.getType()).forEach(key -> keys.add(snakeCase(section.getName()) + "." + key));
        }
        return keys;
    }

    /** The dotted key that {@code name}, with or without a section, probably means. */
    static String nearestDotted(String name) {
        List<String> dotted = dotted();
        if (name.indexOf('.') >= 0) {
            return nearest(name, dotted);
        }
        List<String> keys = dotted.stream().map(key -> key.substring(key.indexOf('.') + 1)).toList();
        return dotted.get(keys.indexOf(nearest(name, keys)));
    }

    /** The candidate with the smallest edit distance; the first of several. */
    static String nearest(String name, List<String> candidates) {
        return NearNames.of(name, candidates, 1).getFirst();
    }
}
