package org.setun.cli.doctor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

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
        long bytes = 0;
        for (MemorySegment result : results) {
            bytes += result.byteSize();
        }
        float[] all = new float[Math.toIntExact(bytes / Float.BYTES)];
        int at = 0;
        for (MemorySegment result : results) {
            float[] part = result.toArray(ValueLayout.JAVA_FLOAT);
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
