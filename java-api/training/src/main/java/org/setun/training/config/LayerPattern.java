package org.setun.training.config;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.setun.formats.NearNames;

/**
 * An item {@code PATTERN=VALUE} of a list in a configuration: what holds for the parameters whose whole name, with or without {@code .weight}, fits.
 *
 * @param pattern {@code *} stands for any characters
 * @param value   what follows the last equals sign
 */
public record LayerPattern(String pattern, String value) {

    private static final String WEIGHT = ".weight";

    /** The parts of {@code item}; empty if it is not of the form. */
    public static Optional<LayerPattern> parse(String item) {
        int end = item.lastIndexOf('=');
        String pattern = item.substring(0, Math.max(0, end)).strip();
        String value = item.substring(end + 1).strip();
        return end < 1 || pattern.isEmpty() || value.isEmpty() ? Optional.empty() : Optional.of(new LayerPattern(pattern, value));
    }

    /** Whether the pattern fits {@code name}. */
    public boolean matches(String name) {
        String expression = Arrays.stream(pattern.split("\\*", -1)).map(Pattern::quote).collect(Collectors.joining(".*"));
        return name.matches(expression) || name.endsWith(WEIGHT) && name.substring(0, name.length() - WEIGHT.length()).matches(expression);
    }

    /**
     * Refuses a pattern that fits none of {@code names}.
     *
     * @param key of the list
     */
    void requireMatch(String key, List<String> names) {
        if (names.stream().noneMatch(this::matches)) {
            List<String> parts = names.stream().map(LayerPattern::part).distinct().toList();
            String meant = NearNames.of(part(pattern).replace("*", ""), parts, 1).getFirst();
            throw new ConfigException(
                    key + " = \"" + pattern + "=" + value + "\": fits no layer of this model; did you mean *" + meant + "?");
        }
    }

    /** The kind of a layer: {@code ffn_down} of {@code blk.0.ffn_down.weight}. */
    private static String part(String name) {
        String bare = name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : name;
        return bare.substring(bare.lastIndexOf('.') + 1);
    }
}
