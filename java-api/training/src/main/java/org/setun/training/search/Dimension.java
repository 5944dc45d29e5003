package org.setun.training.search;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A key that a search may set, and the values it may have. Samplers see a coordinate in [0, 1); equal parts of it are equally likely a priori.
 * Immutable.
 */
public sealed interface Dimension {

    /** The key of the configuration, such as {@code schedule.learning_rate}. */
    String key();

    /** The value at coordinate {@code u} in [0, 1), as {@code key=value} takes it. */
    String value(double u);

    /** How many values there are; 0 for a range of real numbers. */
    int count();

    /** A number between two bounds, evenly or evenly in its logarithm. */
    record Range(String key, double least, double most, boolean logarithmic) implements Dimension {

        public Range {
            if (!(least < most) || Double.isInfinite(least) || Double.isInfinite(most) || logarithmic && !(least > 0)) {
                throw new IllegalArgumentException(
                        key + ": [" + least + ", " + most + "] must be a range of finite numbers, the lower bound "
                                + "first, above 0 for log");
            }
        }

        @Override
        public String value(double u) {
            double value = logarithmic ? least * Math.pow(most / least, u) : least + u * (most - least);
            return String.format(Locale.ROOT, "%.4g", Math.clamp(value, least, most));
        }

        @Override
        public int count() {
            return 0;
        }
    }

    /** A whole number between two bounds, both included. */
    record Integers(String key, int least, int most) implements Dimension {

        public Integers {
            if (least >= most) {
                throw new IllegalArgumentException(key + ": " + least + " to " + most + " must be a range, the lower bound first");
            }
        }

        @Override
        public String value(double u) {
            return Long.toString(least + (long) (u * ((long) most - least + 1)));
        }

        @Override
        public int count() {
            return 0; // neighbours are alike: samplers may treat it as a range
        }
    }

    /** One of several values without order. */
    record Choice(String key, List<String> values) implements Dimension {

        public Choice {
            values = List.copyOf(values);
            if (values.size() < 2 || values.stream().distinct().count() < values.size()) {
                throw new IllegalArgumentException(key + ": " + values + " must be at least two different values");
            }
        }

        @Override
        public String value(double u) {
            return values.get((int) (u * values.size()));
        }

        @Override
        public int count() {
            return values.size();
        }
    }

    /**
     * Reads {@code KEY=log(1e-4, 1e-2)}, {@code KEY=uniform(0, 0.2)}, {@code KEY=integer(4, 32)} or {@code KEY=choice(ternary, uniform)}.
     *
     * @throws IllegalArgumentException saying which part is not of these forms
     */
    static Dimension parse(String text) {
        Matcher form = Pattern.compile("\\s*([\\w.]+)\\s*=\\s*(\\w+)\\s*\\((.*)\\)\\s*").matcher(text);
        if (!form.matches()) {
            throw new IllegalArgumentException("'" + text + "' must be KEY=log(A, B), uniform(A, B), integer(A, B) or choice(A, B, ...)");
        }
        String key = form.group(1);
        List<String> parts = Arrays.stream(form.group(3).split(",", -1)).map(String::strip).toList();
        return switch (form.group(2)) {
            case "log", "uniform" -> new Range(key, number(text, parts, 0), number(text, parts, 1), form.group(2).equals("log"));
            case "integer" -> new Integers(key, integer(text, parts, 0), integer(text, parts, 1));
            case "choice" -> new Choice(key, parts);
            default -> throw new IllegalArgumentException("'" + text + "': " + form.group(2) + " must be log, uniform, integer or choice");
        };
    }

    private static double number(String text, List<String> parts, int index) {
        try {
            if (parts.size() == 2) {
                return Double.parseDouble(parts.get(index));
            }
        } catch (NumberFormatException e) {
            // falls through to the message
        }
        throw new IllegalArgumentException("'" + text + "' needs two numbers");
    }

    private static int integer(String text, List<String> parts, int index) {
        double value = number(text, parts, index);
        if (value != Math.rint(value) || Math.abs(value) > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("'" + text + "': " + parts.get(index) + " must be an integer");
        }
        return (int) value;
    }
}
