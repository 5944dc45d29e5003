package org.setun.formats.gguf;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;

/**
 * The key/value part of a GGUF file, in file order. Getters convert between integer widths and between float widths when nothing is
 * lost; a missing key or a value of another kind is a {@link FormatException} that names the key. Immutable.
 *
 * <p>
 * Values are {@link Long} (all integer types), {@link Double} (both float types), {@link Boolean}, {@link String}, or for arrays
 * {@code long[]}, {@code float[]}, {@code double[]}, {@code boolean[]}, {@code List<String>}.
 */
public final class GgufMetadata {

    private final String file;
    private final Map<String, Object> values;

    GgufMetadata(String file, Map<String, Object> values) {
        this.file = file;
        this.values = new LinkedHashMap<>(values);
    }

    /** The keys in file order. */
    public Set<String> keys() {
        return Collections.unmodifiableSet(values.keySet());
    }

    /** Whether {@code key} is present. */
    public boolean has(String key) {
        return values.containsKey(key);
    }

    /** The value of {@code key} as described above, arrays as copies; empty if there is none. */
    public Optional<Object> value(String key) {
        return Optional.ofNullable(values.get(key)).map(GgufMetadata::copy);
    }

    /** {@code general.architecture}. */
    public String architecture() {
        return string("general.architecture");
    }

    /** A string. */
    public String string(String key) {
        return get(key, String.class, "a string");
    }

    /** A string, or {@code fallback} without the key. */
    public String string(String key, String fallback) {
        return has(key) ? string(key) : fallback;
    }

    /** An integer of any width. */
    public long integer(String key) {
        return get(key, Long.class, "an integer");
    }

    /** An integer of any width, or {@code fallback} without the key. */
    public long integer(String key, long fallback) {
        return has(key) ? integer(key) : fallback;
    }

    /** An integer from {@code least} to {@code most}. */
    public int integer(String key, int least, int most) {
        long value = integer(key);
        if (value < least || value > most) {
            throw error(key, "is " + value + ", allowed is " + least + " to " + most);
        }
        return (int) value;
    }

    /** A float of either width. */
    public float number(String key) {
        return get(key, Double.class, "a float").floatValue();
    }

    /** A float of either width, or {@code fallback} without the key. */
    public float number(String key, float fallback) {
        return has(key) ? number(key) : fallback;
    }

    /** A boolean. */
    public boolean bool(String key) {
        return get(key, Boolean.class, "a boolean");
    }

    /** A boolean, or {@code fallback} without the key. */
    public boolean bool(String key, boolean fallback) {
        return has(key) ? bool(key) : fallback;
    }

    /** An array of strings. */
    @SuppressWarnings("unchecked") // the reader and the writer put only strings into lists
    public List<String> strings(String key) {
        return get(key, List.class, "an array of strings");
    }

    /** An array of integers of any width. */
    public long[] integers(String key) {
        return get(key, long[].class, "an array of integers").clone();
    }

    /** An array of 32-bit floats. */
    public float[] numbers(String key) {
        return get(key, float[].class, "an array of 32-bit floats").clone();
    }

    /** The error of {@code key}, for values that are present but not usable. */
    public FormatException error(String key, String problem) {
        return error(key, problem, "");
    }

    /** As the other one, with what the user can do about it. */
    public FormatException error(String key, String problem, String remedy) {
        return new FormatException(file, FormatException.NO_OFFSET, "metadata key '" + key + "'", problem, remedy);
    }

    private <T> T get(String key, Class<T> type, String kind) {
        @Nullable
        Object value = values.get(key);
        if (value == null) {
            throw error(key, "is missing");
        }
        if (!type.isInstance(value)) {
            throw error(key, "is " + describe(value) + ", not " + kind);
        }
        return type.cast(value);
    }

    private static Object copy(Object value) {
        return switch (value) {
            case long[] array -> array.clone();
            case float[] array -> array.clone();
            case double[] array -> array.clone();
            case boolean[] array -> array.clone();
            default -> value;
        };
    }

    private static String describe(Object value) {
        return switch (value) {
            case Long number -> "the integer " + number;
            case Double number -> "the float " + number;
            case Boolean flag -> "the boolean " + flag;
            case String text -> "a string";
            case List<?> list -> "an array of strings";
            default -> "an array (" + value.getClass().getSimpleName() + ")";
        };
    }
}
