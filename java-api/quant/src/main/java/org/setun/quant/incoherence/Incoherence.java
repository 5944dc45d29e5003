package org.setun.quant.incoherence;

import java.util.Locale;
import org.setun.kernels.Backend;
import org.setun.kernels.HadamardOps.SignGenerator;

/**
 * What a file says about the rotation of one matrix: enough to make it again. The two sides get seeds of their own, derived from {@code seed}.
 *
 * @param method    of both sides
 * @param seed      of both sides
 * @param generator of random signs; orthogonal matrices have one of their own
 */
public record Incoherence(Method method, long seed, SignGenerator generator) {

    /** The seed where none is given. */
    public static final long DEFAULT_SEED = 42;

    /** How the two orthogonal maps are made. */
    public enum Method {
        /** Random signs and a Hadamard transform: {@link HadamardRotation}. */
        HADAMARD,
        /** A dense random orthogonal matrix: {@link OrthogonalRotation}. */
        ORTHOGONAL;

        /** {@code hadamard} or {@code orthogonal}. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** The method of a label. */
        public static Method parse(String label) {
            for (Method method : values()) {
                if (method.label().equals(label)) {
                    return method;
                }
            }
            throw new IllegalArgumentException("incoherence method '" + label + "' must be hadamard or orthogonal");
        }
    }

    /** With the one generator of signs that there is. */
    public Incoherence(Method method, long seed) {
        this(method, seed, SignGenerator.SPLITMIX64);
    }

    /** Makes the maps of one matrix of this shape. */
    public IncoherenceTransform transform(Backend backend, int rows, int columns) {
        return transform(new Rotations(backend), rows, columns);
    }

    /** As {@link #transform(Backend, int, int)}, with maps that other matrices may share. */
    public IncoherenceTransform transform(Rotations rotations, int rows, int columns) {
        return new IncoherenceTransform(this, rotation(rotations, rows, seed + 1), rotation(rotations, columns, seed));
    }

    private Rotation rotation(Rotations rotations, int size, long sideSeed) {
        long mixed = sideSeed * 0xD1342543DE82EF95L; // neighbouring seeds would share all but one word of their signs
        return rotations.of(method, generator, size, mixed);
    }

    /**
     * The text that a file holds beside the seed: {@code hadamard/1/36 x 12 x 2^4/20 x 2^7} is the method, the number of the sign generator and the
     * structure of the output and input side.
     */
    public static String describe(IncoherenceTransform transform) {
        Incoherence of = transform.incoherence();
        return String.join("/", of.method.label(), String.valueOf(of.generator.code()), transform.output().structure(),
                transform.input().structure());
    }

    /**
     * Makes the maps that {@link #describe} described.
     *
     * @throws IllegalArgumentException if the text is not one of these, or this version would build the maps differently
     */
    public static IncoherenceTransform restore(String text, long seed, Rotations rotations, int rows, int columns) {
        String[] parts = text.split("/", 4);
        int code;
        try {
            code = parts.length == 4 ? Integer.parseInt(parts[1]) : 0;
        } catch (NumberFormatException e) {
            code = 0;
        }
        if (parts.length != 4 || code == 0) {
            throw new IllegalArgumentException("incoherence '" + text + "' must have the form method/generator/output/input");
        }
        IncoherenceTransform transform = new Incoherence(Method.parse(parts[0]), seed, SignGenerator.ofCode(code)).transform(rotations,
                rows,
                columns);
        if (!describe(transform).equals(text)) {
            throw new IllegalArgumentException("incoherence '" + text + "' of a matrix " + rows + " x " + columns + " would be built as '"
                    + describe(transform) + "' by this version");
        }
        return transform;
    }
}
