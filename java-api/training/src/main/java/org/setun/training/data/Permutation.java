package org.setun.training.data;

/**
 * A pseudo-random order of {@code [0, n)} that needs no memory: a balanced Feistel network of {@value #ROUNDS} rounds over the next even
 * number of bits, walked until the value falls below {@code n} (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). It orders
 * training data; it is no cipher. Immutable.
 */
public final class Permutation {

    private static final int ROUNDS = 4;

    private final long n;
    private final int half;
    private final long mask;
    private final long[] keys = new long[ROUNDS];

    /** The order of {@code n} items, 1 to 2^62, that {@code seed} stands for. */
    public Permutation(long n, long seed) {
        if (n < 1 || n > 1L << 62) {
            throw new IllegalArgumentException("n: " + n + ", must be in [1, 2^62]");
        }
        this.n = n;
        half = Math.max(1, (65 - Long.numberOfLeadingZeros(n - 1)) / 2);
        mask = (1L << half) - 1;
        for (int i = 0; i < ROUNDS; i++) {
            keys[i] = mix(seed + i);
        }
    }

    /** The item at {@code index}. */
    public long at(long index) {
        if (index < 0 || index >= n) {
            throw new IndexOutOfBoundsException("index " + index + ", must be in [0, " + n + ")");
        }
        long value = index;
        do {
            value = scramble(value);
        } while (value >= n);
        return value;
    }

    private long scramble(long value) {
        long left = value >>> half;
        long right = value & mask;
        for (long key : keys) {
            long next = left ^ (mix(right ^ key) & mask);
            left = right;
            right = next;
        }
        return left << half | right;
    }

    /** The finalizer of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input changes every bit of the output. */
    static long mix(long z) {
        long x = z + 0x9E3779B97F4A7C15L;
        x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return x ^ (x >>> 31);
    }
}
