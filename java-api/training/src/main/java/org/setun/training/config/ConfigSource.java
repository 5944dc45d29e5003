package org.setun.training.config;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a key stands in the text of a TOML file. The parser keeps no positions, so this looks for the section's header and then for a line
 * that begins with the key; keys written in some other way (dotted, quoted, inline tables) have no position.
 */
record ConfigSource(String name, String text) {

    private static final Pattern HEADER = Pattern.compile("^\\s*\\[\\s*([\\w-]+)\\s*]");
    private static final Pattern KEY = Pattern.compile("^\\s*([\\w-]+)\\s*=");

    /** {@code name:line: } of {@code key} in {@code section}, or {@code name: } if the line is not found; empty for an unnamed source. */
    String at(String section, String key) {
        if (name.isEmpty()) {
            return "";
        }
        int line = line(section, key);
        return line > 0 ? name + ":" + line + ": " : name + ": ";
    }

    private int line(String section, String key) {
        String current = "";
        int number = 0;
        for (String line : text.split("\n", -1)) {
            number++;
            Matcher header = HEADER.matcher(line);
            if (header.find()) {
                current = header.group(1);
                if (key.isEmpty() && current.equals(section)) {
                    return number;
                }
                continue;
            }
            Matcher entry = KEY.matcher(line);
            if (entry.find() && current.equals(section) && entry.group(1).equals(key)) {
                return number;
            }
        }
        return 0;
    }
}
