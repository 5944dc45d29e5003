package org.setun.quant.incoherence;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.setun.kernels.Backend;
import org.setun.kernels.HadamardOps.SignGenerator;

/**
 * Makes rotations for one backend, and each of them once while it is among the last that were asked for: queries, keys and values of a decoder
 * block read the same inputs through the same V. One thread at a time; the rotations themselves follow the rules of {@link Rotation}.
 *
 * <p>Dense orthogonal matrices take size^3 operations each, and what names them takes a few bytes of a file. So a file may ask for cubes that
 * add up to {@link #MOST_WORK}, then it is refused.
 */
public final class Rotations {

    /** The sum of size^3 over all orthogonal matrices that one file may ask for, four of the largest: a minute or two on two cores. */
    public static final long MOST_WORK = 1L << 38;

    /** Those of one decoder block: four inputs and up to five different outputs. */
    private static final int KEPT = 9;

    private record Key(Incoherence.Method method, SignGenerator generator, long seed, int size) {
    }

    private final Backend backend;
    private final Map<Key, Rotation> kept = new LinkedHashMap<>(2 * KEPT, 0.75f, true);
    private final double most;
    private double work;

    /** Orthogonal matrices whose cubes add up to {@code most}. */
    Rotations(Backend backend, double most) {
        this.backend = backend;
        this.most = most;
    }

    /** As many as are asked for, on {@code backend}, which stays open as long as they are used. */
    public Rotations(Backend backend) {
        this(backend, Double.POSITIVE_INFINITY);
    }

    /** Up to {@link #MOST_WORK}, since a file asks for them. */
    public static Rotations ofFile(Backend backend) {
        return new Rotations(backend, MOST_WORK);
    }

    /**
     * One side of a matrix.
     *
     * @throws IllegalArgumentException if it is an orthogonal matrix beyond {@link OrthogonalRotation#MAX_SIZE}, or too many of them
     */
    Rotation of(Incoherence.Method method, SignGenerator generator, int size, long seed) {
        Key key = new Key(method, generator, seed, size);
        Rotation known = kept.get(key);
        if (known != null) {
            return known;
        }
        Rotation made;
        if (method == Incoherence.Method.HADAMARD) {
            made = new HadamardRotation(backend, size, generator, seed);
        } else {
            OrthogonalRotation.requireSize(size);
            work += Math.pow(size, 3);
            requireWork(work, most);
            made = new OrthogonalRotation(backend, size, seed);
        }
        if (kept.size() == KEPT) {
            kept.remove(kept.keySet().iterator().next());
        }
        kept.put(key, made);
        return made;
    }

    /** Refuses orthogonal matrices whose size^3 add up to {@code work}, if that is beyond {@link #MOST_WORK}. */
    public static void requireWork(double work) {
        requireWork(work, MOST_WORK);
    }

    private static void requireWork(double work, double most) {
        if (work > most) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "orthogonal matrices of this model would take %.3g operations to make, "
                            + "allowed are %.3g; use the method hadamard, which is as good and takes next to none", 4 * work, 4 * most));
        }
    }
}
