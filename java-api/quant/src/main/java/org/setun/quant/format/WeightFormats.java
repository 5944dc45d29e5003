package org.setun.quant.format;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.setun.formats.NearNames;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.PiGrid;
import org.setun.quant.blocks.BlockFormats;
import org.setun.quant.lattice.E8pFormat;
import org.setun.quant.pi.PiFormat;
import org.setun.quant.pi.PiQuantConfig;
import org.setun.quant.pi.ScaleChoice;

/**
 * The formats by name. A name may carry parameters, {@code pi-q3:k=4}; what is left out has the format's default. A new format is one
 * {@link WeightFormat} and one row of the table here.
 */
public final class WeightFormats {

    /** Makes a format from the parameters behind its name. */
    private static final Map<String, Function<Parameters, WeightFormat>> FORMATS = new TreeMap<>(Map.of(
            "f32", parameters -> new FloatFormat(GgmlType.F32),
            "f16", parameters -> new FloatFormat(GgmlType.F16),
            "bf16", parameters -> new FloatFormat(GgmlType.BF16),
            "e8p", parameters -> new E8pFormat(parameters.integer("bits", 2, 2, 4)),
            "pi-q2", parameters -> piUniform(2, parameters),
            "pi-q3", parameters -> piUniform(3, parameters),
            "pi-tan2", parameters -> piTangent(2, parameters),
            "pi-tan3", parameters -> piTangent(3, parameters)));

    static {
        BlockFormats.all().forEach(format -> FORMATS.put(format.name(), _ -> format));
    }

    private WeightFormats() {
    }

    private static WeightFormat piUniform(int bits, Parameters parameters) {
        String usual = Integer.toString(PiQuantConfig.defaultK(bits));
        String k = parameters.word("k", usual, List.of("2", "3", "4", "5", "mixed"));
        ScaleChoice scale = ScaleChoice.ofWord(parameters.word("scale", "search", List.of("search", "absmax", "sigma")));
        return PiFormat.of(new PiQuantConfig(bits, k.equals("mixed") ? PiQuantConfig.MIXED : Integer.parseInt(k), scale));
    }

    private static WeightFormat piTangent(int bits, Parameters parameters) {
        int shape = parameters.integer("K", 0, PiGrid.leastShape(bits), PiGrid.MOST_SHAPE);
        ScaleChoice scale = ScaleChoice.ofWord(parameters.word("scale", "search", List.of("search", "absmax")));
        return shape == 0 ? PiFormat.tangent(bits, scale) : PiFormat.tangent(bits, shape, scale);
    }

    /** All names, without parameters, sorted. */
    public static List<String> names() {
        return List.copyOf(FORMATS.keySet());
    }

    /**
     * The format of this name; upper case is accepted.
     *
     * @param text {@code name} or {@code name:key=value,key=value}
     * @throws IllegalArgumentException if there is no such format, or a parameter is wrong; the message says what there is
     */
    public static WeightFormat parse(String text) {
        String[] parts = text.split(":", 2);
        Function<Parameters, WeightFormat> format = FORMATS.get(parts[0].toLowerCase(Locale.ROOT));
        if (format == null) {
            throw new IllegalArgumentException("format = " + parts[0] + " is not known; the nearest is "
                    + NearNames.of(parts[0].toLowerCase(Locale.ROOT), names(), 1).getFirst()
                    + "; there are " + String.join(", ", names()));
        }
        Parameters parameters = Parameters.parse(text, parts.length == 2 ? parts[1] : "");
        WeightFormat result = format.apply(parameters);
        parameters.requireAllUsed();
        return result;
    }

    /** The key=value pairs behind a format's name. */
    static final class Parameters {

        private final String text;
        private final Map<String, String> values = new TreeMap<>();
        private final Set<String> asked = new TreeSet<>();

        private Parameters(String text) {
            this.text = text;
        }

        private static Parameters parse(String text, String pairs) {
            Parameters parameters = new Parameters(text);
            for (String pair : pairs.isEmpty() ? new String[0] : pairs.split(",", -1)) {
                String[] sides = pair.split("=", 2);
                if (sides.length != 2 || sides[0].isEmpty() || parameters.values.put(sides[0], sides[1]) != null) {
                    throw new IllegalArgumentException("format = " + text + ": '" + pair + "' is not a key=value of its own");
                }
            }
            return parameters;
        }

        /** The integer {@code key}, or {@code fallback}. */
        int integer(String key, int fallback, int least, int most) {
            asked.add(key);
            String value = values.get(key);
            if (value == null) {
                return fallback;
            }
            try {
                int number = Integer.parseInt(value);
                if (number >= least && number <= most) {
                    return number;
                }
            } catch (NumberFormatException e) {
                // falls through to the message below
            }
            throw new IllegalArgumentException(
                    "format = " + text + ": " + key + " = " + value + " must be an integer in [" + least + ", " + most + "]");
        }

        /** The word {@code key}, one of {@code allowed}, or {@code fallback}. */
        String word(String key, String fallback, List<String> allowed) {
            asked.add(key);
            String value = values.getOrDefault(key, fallback);
            if (!allowed.contains(value)) {
                throw new IllegalArgumentException(
                        "format = " + text + ": " + key + " = " + value + " must be one of " + String.join(", ", allowed));
            }
            return value;
        }

        private void requireAllUsed() {
            for (String key : values.keySet()) {
                if (!asked.contains(key)) {
                    throw new IllegalArgumentException("format = " + text + " has no parameter " + key
                            + (asked.isEmpty() ? "" : "; it has " + String.join(", ", asked)));
                }
            }
        }
    }
}
