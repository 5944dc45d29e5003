package org.setun.training.config;

import java.util.List;
import java.util.Optional;
import org.setun.formats.NearNames;

/**
 * An item {@code PATTERN=VALUE} of a list in a configuration: what holds for the parameters whose whole name, with or without {@code .weight}, fits.
 *
 * @param pattern {@code *} stands for any characters
 * @param value   what follows the last equals sign
 */
public record LayerPattern(String pattern, String value) {

    private static final String WEIGHT = ".weight";
    private static final int MAX_LENGTH = 256;

    /** The parts of {@code item}; empty if it is not of the form, or has more than 256 characters. */
    public static Optional<LayerPattern> parse(String item) {
        int end = item.lastIndexOf('=');
        String pattern = item.substring(0, Math.max(0, end)).strip();
        String value = item.substring(end + 1).strip();
        return end < 1 || pattern.isEmpty() || value.isEmpty() || item.length() > MAX_LENGTH
                ? Optional.empty()
                : Optional.of(new LayerPattern(pattern, value));
    }

    /** Whether the pattern fits {@code name}. */
    public boolean matches(String name) {
        return fits(name, name.length()) || name.endsWith(WEIGHT) && fits(name, name.length() - WEIGHT.length());
    }

    /** Whether the pattern fits the first {@code length} characters of {@code name}. A later star makes an earlier one's choice good, so only the last is moved. */
    private boolean fits(String name, int length) {
        int at = 0;
        int star = -1;
        int afterStar = 0;
        for (int i = 0; i < length;) {
            if (at < pattern.length() && pattern.charAt(at) == '*') {
                star = at++;
                afterStar = i;
            } else if (at < pattern.length() && pattern.charAt(at) == name.charAt(i)) {
                at++;
                i++;
            } else if (star >= 0) {
                at = star + 1;
                i = ++afterStar;
            } else {
                return false;
            }
        }
        while (at < pattern.length() && pattern.charAt(at) == '*') {
            at++;
        }
        return at == pattern.length();
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
