package org.setun.kernels;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which Hadamard matrix a length gets: a Kronecker product of Paley matrices (Paley, 1933) and of Sylvester's of a power of two, repeated along the
 * diagonal if no such product has the order {@code n}. The rule is that of {@code setun/hadamard.h}.
 *
 * @param n     the length, from 1 to {@link #MAX_N}
 * @param paley orders of the Paley matrices, outermost first
 * @param power order of Sylvester's matrix, a power of two; 1 if there is none
 */
public record HadamardFactors(long n, List<Integer> paley, long power) {

    /** The longest transform. */
    public static final long MAX_N = 1L << 24;

    private static final int MOST_ORDER = 256;
    private static final int LEAST_POWER = 16; // where there is a choice: whole vectors

    public HadamardFactors {
        paley = List.copyOf(paley);
    }

    /** The matrix for length {@code n}. */
    public static HadamardFactors of(long n) {
        if (n < 1 || n > MAX_N) {
            throw new IllegalArgumentException("n = " + n + " must be in 1 .. " + MAX_N);
        }
        int odd = (int) (n >> Long.numberOfTrailingZeros(n));
        int twos = Long.numberOfTrailingZeros(n);
        int spare = Integer.numberOfTrailingZeros(LEAST_POWER);
        List<Integer> best = twos < spare ? null : cheapest(odd, odd, twos - spare);
        if (best == null) {
            best = cheapest(odd, odd, twos);
        }
        if (best == null) {
            return new HadamardFactors(n, List.of(), 1L << twos);
        }
        return new HadamardFactors(n, best, 1L << twos - best.stream().mapToInt(Integer::numberOfTrailingZeros).sum());
    }

    /** The order of one block: {@code n}, unless the matrix is block-diagonal. */
    public long block() {
        return paley.stream().mapToLong(Integer::longValue).reduce(power, (a, b) -> a * b);
    }

    /** Blocks along the diagonal. */
    public long blocks() {
        return n / block();
    }

    /** True if the Paley matrix of this order is made from a symmetric conference matrix (Paley II), false if it is Paley I's. */
    public static boolean isConference(int order) {
        int q = order / 2 - 1;
        return order % 4 == 0 && q % 4 == 1 && prime(q) != 0;
    }

    /** The prime of which {@code q} is a power, if that is odd; else 0. */
    public static int prime(int q) {
        if (q < 3 || q % 2 == 0) {
            return 0;
        }
        int p = 3;
        while (q % p != 0) {
            p += 2;
        }
        int rest = q;
        while (rest % p == 0) {
            rest /= p;
        }
        return rest == 1 ? p : 0;
    }

    /** {@code "36 x 12 x 2^4"}, with {@code "43 blocks of "} before it if there are several. */
    @Override
    public String toString() {
        List<String> parts = new ArrayList<>(paley.stream().map(String::valueOf).toList());
        if (power > 1 || parts.isEmpty()) {
            parts.add("2^" + Long.numberOfTrailingZeros(power));
        }
        return (blocks() == 1 ? "" : blocks() + " blocks of ") + String.join(" x ", parts);
    }

    /** Orders with the odd parts of {@code odd}, each at most {@code most}, and at most 2^twos in all; of least sum, the first of equals. */
    private static @Nullable List<Integer> cheapest(int odd, int most, int twos) {
        if (odd == 1) {
            return List.of();
        }
        List<Integer> best = null;
        int start = Math.min(Math.min(odd, most), MOST_ORDER / 4 - 1);
        for (int part = start; part >= 3; part -= 2) {
            int order = odd % part == 0 ? order(part) : 0;
            int left = twos - (order == 0 ? 0 : Integer.numberOfTrailingZeros(order));
            List<Integer> rest = order == 0 || left < 0 ? null : cheapest(odd / part, part, left);
            if (rest != null && (best == null || order + sum(rest) < sum(best))) {
                best = new ArrayList<>(rest);
                best.addFirst(order);
            }
        }
        return best;
    }

    private static int sum(List<Integer> orders) {
        return orders.stream().mapToInt(Integer::intValue).sum();
    }

    /** The smallest Paley order with the odd part {@code odd}, or 0. */
    private static int order(int odd) {
        for (int order = 4 * odd; order <= MOST_ORDER; order *= 2) {
            if (isConference(order) || prime(order - 1) != 0) {
                return order;
            }
        }
        return 0;
    }
}
