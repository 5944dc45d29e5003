package org.setun.cli.doctor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** Operands of self-tests: the same seed gives the same values on every backend. */
final class Operands {

    private final Arena arena;
    private final SplittableRandom random = new SplittableRandom(20_26);

    Operands(Arena arena) {
        this.arena = arena;
    }

    /** Gaussian values. */
    MemorySegment gaussian(long count) {
        MemorySegment segment = floats(count);
        for (long i = 0; i < count; i++) {
            segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        return segment;
    }

    /** Uniform integers in [0, bound). */
    MemorySegment integers(long count, int bound) {
        MemorySegment segment = ints(count);
        for (long i = 0; i < count; i++) {
            segment.setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(bound));
        }
        return segment;
    }

    /** Codes in {-1, 0, 1}. */
    MemorySegment codes(long count) {
        MemorySegment segment = bytes(count);
        for (long i = 0; i < count; i++) {
            segment.set(ValueLayout.JAVA_BYTE, i, (byte) (random.nextInt(3) - 1));
        }
        return segment;
    }

    MemorySegment floats(long count) {
        return arena.allocate(count * Float.BYTES, 64);
    }

    /** Positive floats around 1. */
    MemorySegment scales(long count) {
        MemorySegment scales = floats(count);
        for (long i = 0; i < count; i++) {
            scales.setAtIndex(ValueLayout.JAVA_FLOAT, i, 0.5f + (i % 17) / 16f);
        }
        return scales;
    }

    MemorySegment ints(long count) {
        return arena.allocate(count * Integer.BYTES, 64);
    }

    MemorySegment doubles(long count) {
        return arena.allocate(count * Double.BYTES, 64);
    }

    MemorySegment bytes(long count) {
        return arena.allocate(count, 64);
    }

    /** All values of several f32 results. */
    static float[] values(MemorySegment... results) {
        return join(Stream.of(results).map(result -> result.toArray(ValueLayout.JAVA_FLOAT)).toArray(float[][]::new));
    }

    /** All values of an i32 result; exact below 2^24. */
    static float[] intValues(MemorySegment result) {
        int[] raw = result.toArray(ValueLayout.JAVA_INT);
        float[] all = new float[raw.length];
        for (int i = 0; i < raw.length; i++) {
            all[i] = raw[i];
        }
        return all;
    }

    /** Results one after another. */
    static float[] join(float[]... parts) {
        float[] all = new float[Stream.of(parts).mapToInt(part -> part.length).sum()];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    /** The bytes of a result, as numbers. */
    static float[] byteValues(MemorySegment result) {
        byte[] raw = result.toArray(ValueLayout.JAVA_BYTE);
        float[] all = new float[raw.length];
        for (int i = 0; i < raw.length; i++) {
            all[i] = raw[i];
        }
        return all;
    }
}
