package org.setun.cli.bench;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Shape of a weight matrix: m outputs, k inputs. */
public record Shape(long m, long k) {

    private static final Pattern FORM = Pattern.compile("(\\d{1,7})x(\\d{1,7})");

    public Shape {
        if (m < 1 || k < 1) {
            throw new IllegalArgumentException("shape " + m + "x" + k + " must have at least one output and one input");
        }
    }

    /** Parses {@code "2560x6912"}. */
    public static Shape parse(String text) {
        Matcher matcher = FORM.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("shape '" + text + "' must look like 2560x6912 (outputs x inputs)");
        }
        return new Shape(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)));
    }

    @Override
    public String toString() {
        return m + "x" + k;
    }
}
