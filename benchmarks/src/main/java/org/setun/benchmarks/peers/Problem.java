package org.setun.benchmarks.peers;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One product {@code y[n][m] = x[n][k] * W[m][k]^T}. The weights are {@link #GAMMA} times codes in {-1,0,1}; the activations are whole numbers
 * whose absolute maximum is 127 in every 32 of them, so that every int8 quantization of them (per block or per row) is exact and each
 * library must return the one right result.
 */
final class Problem implements AutoCloseable {

    /** What is to be multiplied, and whether the weights come from memory or from the caches. */
    record Shape(long m, long k, long n, boolean cold) {

        private static final Pattern FORM = Pattern.compile("(\\d{1,6})x(\\d{1,6})x(\\d{1,5})(:cold)?");

        Shape {
            if (m <= 0 || k <= 0 || n <= 0 || m % 8 != 0 || k % 256 != 0 || k < 512) {
                throw new IllegalArgumentException("shape " + m + "x" + k + "x" + n
                        + ": outputs must be a multiple of 8, inputs one of 256 from 512 on, rows at least 1 (what all formats can hold)");
            }
        }

        /** Parses {@code MxKxN} or {@code MxKxN:cold}. */
        static Shape parse(String text) {
            Matcher matcher = FORM.matcher(text);
            if (!matcher.matches()) {
                throw new IllegalArgumentException("case '" + text + "' must look like 2560x6912x1 or 2560x6912x1:cold"
                        + " (outputs x inputs x activation rows)");
            }
            return new Shape(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)), Long.parseLong(matcher.group(3)),
                    matcher.group(4) != null);
        }

        @Override
        public String toString() {
            return m + "x" + k + "x" + n + (cold ? ":cold" : "");
        }
    }

    /** A scale that every format stores exactly. */
    static final float GAMMA = 0.5f;

    private static final int LARGEST = 127;
    private static final int ANY_BLOCK = 32;
    private static final long MOST_CHECKS = 8192;
    private static final double TOLERANCE = 1e-5;

    private final Arena arena = Arena.ofShared();
    private final Shape shape;
    private final MemorySegment codes;
    private final MemorySegment x;

    Problem(Shape shape) {
        this.shape = shape;
        SplittableRandom random = new SplittableRandom(1958);
        codes = arena.allocate(shape.m * shape.k, 64);
        for (long i = 0; i < codes.byteSize(); i++) {
            codes.set(ValueLayout.JAVA_BYTE, i, (byte) (random.nextInt(3) - 1));
        }
        x = arena.allocate(shape.n * shape.k * Float.BYTES, 64);
        for (long i = 0; i < shape.n * shape.k; i++) {
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextInt(-LARGEST, LARGEST + 1));
        }
        for (long block = 0; block < shape.n * shape.k; block += ANY_BLOCK) {
            x.setAtIndex(ValueLayout.JAVA_FLOAT, block + random.nextInt(ANY_BLOCK), random.nextBoolean() ? LARGEST : -LARGEST);
        }
    }

    Shape shape() {
        return shape;
    }

    /** i8[m][k] in {-1,0,1}. */
    MemorySegment codes() {
        return codes;
    }

    /** f32[n][k]. */
    MemorySegment x() {
        return x;
    }

    /** f32[m][k], valid until {@code scope} ends. */
    MemorySegment weights(Arena scope) {
        MemorySegment w = scope.allocate(codes.byteSize() * Float.BYTES, 64);
        for (long i = 0; i < codes.byteSize(); i++) {
            w.setAtIndex(ValueLayout.JAVA_FLOAT, i, GAMMA * codes.get(ValueLayout.JAVA_BYTE, i));
        }
        return w;
    }

    /** The value of a weight as one side holds it. */
    @FunctionalInterface
    interface Weights {
        float at(long index, float exact);
    }

    /**
     * Compares {@code y} f32[n][m] with dot products computed here: all of them, or a random choice of a large result.
     *
     * @throws WrongResultException if one differs by more than 1e-5 of the largest
     */
    void check(MemorySegment y, Weights weights) {
        SplittableRandom random = new SplittableRandom(11);
        long outputs = shape.n * shape.m;
        double largest = Double.MIN_NORMAL;
        double difference = 0;
        for (long i = 0; i < Math.min(outputs, MOST_CHECKS); i++) {
            long index = outputs <= MOST_CHECKS ? i : random.nextLong(outputs);
            double expected = dot(index / shape.m, index % shape.m, weights);
            float actual = y.getAtIndex(ValueLayout.JAVA_FLOAT, index);
            largest = Math.max(largest, Math.abs(expected));
            difference = Math.max(difference, Float.isNaN(actual) ? Double.POSITIVE_INFINITY : Math.abs(expected - actual));
        }
        if (difference > TOLERANCE * largest) {
            throw new WrongResultException(String.format("wrong result: off by %.3g where the largest value is %.3g", difference, largest));
        }
    }

    private double dot(long t, long o, Weights weights) {
        double sum = 0;
        for (long i = 0; i < shape.k; i++) {
            long index = o * shape.k + i;
            float exact = GAMMA * codes.get(ValueLayout.JAVA_BYTE, index);
            sum += (double) x.getAtIndex(ValueLayout.JAVA_FLOAT, t * shape.k + i) * weights.at(index, exact);
        }
        return sum;
    }

    @Override
    public void close() {
        arena.close();
    }
}
