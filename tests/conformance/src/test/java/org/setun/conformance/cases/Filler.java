package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.util.random.RandomGenerator;
import org.setun.testsupport.OffHeap;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

/** Fills operands from a seed; the kind of values says what the floats are. */
public final class Filler {

    /** Kinds of floats. */
    public enum Values {
        /** Standard normal. */
        NORMAL,
        /** Normal with zeros of both signs among them; a whole operand is sometimes zero. */
        ZEROS,
        /** Below the smallest normal float. */
        DENORMAL,
        /** Normal, but one value of some operands is NaN. */
        ONE_NAN,
        /** Normal, but one value of some operands is an infinity. */
        ONE_INFINITY
    }

    private final RandomGenerator random;
    private final Values values;

    public Filler(RandomGenerator random, Values values) {
        this.random = random;
        this.values = values;
    }

    public RandomGenerator random() {
        return random;
    }

    public MemorySegment floats(long count) {
        return switch (values) {
            case NORMAL -> OffHeap.gaussian(random, count, 1);
            case DENORMAL -> OffHeap.gaussian(random, count, 1e-39);
            case ZEROS -> zeros(count);
            case ONE_NAN -> oneBad(count, Float.NaN);
            case ONE_INFINITY -> oneBad(count, random.nextBoolean() ? Float.POSITIVE_INFINITY : Float.NEGATIVE_INFINITY);
        };
    }

    /** Normal floats whatever the kind: for what an earlier kernel made or what must be positive. */
    public MemorySegment plain(long count) {
        return OffHeap.gaussian(random, count, 1);
    }

    /** Positive floats. */
    public MemorySegment positive(long count) {
        MemorySegment segment = OffHeap.floats(count);
        for (long i = 0; i < count; i++) {
            segment.setAtIndex(JAVA_FLOAT, i, (float) random.nextDouble(0.01, 2));
        }
        return segment;
    }

    public MemorySegment codes(long count) {
        return OffHeap.codes(random, count);
    }

    /** Integers in {@code [least, end)}. */
    public MemorySegment ints(long count, int least, int end) {
        MemorySegment segment = OffHeap.bytes(4 * count);
        for (long i = 0; i < count; i++) {
            segment.setAtIndex(JAVA_INT, i, random.nextInt(least, end));
        }
        return segment;
    }

    /** {@code rows} of {@code padded} bytes: {@code k} values in [-128, 127], then zeros. */
    public MemorySegment int8Rows(long rows, long k, long padded) {
        MemorySegment segment = OffHeap.bytes(rows * padded);
        boolean extreme = random.nextInt(4) == 0;
        for (long t = 0; t < rows; t++) {
            for (long i = 0; i < k; i++) {
                segment.set(JAVA_BYTE, t * padded + i, (byte) (extreme ? 127 : random.nextInt(-127, 128)));
            }
        }
        return segment;
    }

    private MemorySegment zeros(long count) {
        boolean all = random.nextInt(3) == 0;
        MemorySegment segment = OffHeap.gaussian(random, count, 1);
        for (long i = 0; i < count; i++) {
            if (all || random.nextInt(3) == 0) {
                segment.setAtIndex(JAVA_FLOAT, i, random.nextBoolean() ? 0f : -0f);
            }
        }
        return segment;
    }

    private MemorySegment oneBad(long count, float bad) {
        MemorySegment segment = OffHeap.gaussian(random, count, 1);
        if (count > 0 && random.nextBoolean()) {
            segment.setAtIndex(JAVA_FLOAT, random.nextLong(count), bad);
        }
        return segment;
    }
}
