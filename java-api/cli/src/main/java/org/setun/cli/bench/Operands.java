package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.setun.kernels.NativeBackend;

/** Memory of one row of the benchmark, filled with the same values in every run; given back by {@link #close}. */
final class Operands implements AutoCloseable {

    /** Random values are made once for so many, then repeated: a prime, so that no two rows of a matrix are the same. */
    private static final long TILE = 65_521;

    private final NativeBackend backend;
    private final List<MemorySegment> slabs = new ArrayList<>();
    private final SplittableRandom random = new SplittableRandom(1958);

    Operands(NativeBackend backend) {
        this.backend = backend;
    }

    NativeBackend backend() {
        return backend;
    }

    /** Source of random choices, such as of the outputs to check. */
    SplittableRandom random() {
        return random;
    }

    MemorySegment bytes(long count) {
        MemorySegment slab = backend.mapSlab(Math.max(1, count));
        slabs.add(slab);
        return slab.asSlice(0, count);
    }

    MemorySegment floats(long count) {
        return bytes(count * Float.BYTES);
    }

    MemorySegment floats(long count, float value) {
        MemorySegment x = floats(count);
        backend.fill(x, count, value);
        return x;
    }

    MemorySegment gaussian(long count) {
        MemorySegment x = floats(count);
        for (long i = 0; i < Math.min(TILE, count); i++) {
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        repeat(x, TILE * Float.BYTES);
        return x;
    }

    /** Codes in {-1, 0, 1}. */
    MemorySegment codes(long count) {
        MemorySegment x = bytes(count);
        for (long i = 0; i < Math.min(TILE, count); i++) {
            x.set(ValueLayout.JAVA_BYTE, i, (byte) (random.nextInt(3) - 1));
        }
        repeat(x, TILE);
        return x;
    }

    /** {@code copies} pieces of {@code bytes} bytes, of which the first is to be filled and then {@link #repeat repeated}. */
    MemorySegment set(long bytes, int copies) {
        return bytes(Math.multiplyExact(bytes, copies));
    }

    /** How many operands of {@code bytes} bytes make a set of {@code setBytes}. */
    static int copies(long bytes, long setBytes) {
        return Math.toIntExact(Math.max(1, (setBytes + bytes - 1) / bytes));
    }

    /** Fills {@code x} with repetitions of its first {@code period} bytes. */
    static void repeat(MemorySegment x, long period) {
        for (long at = period; at < x.byteSize(); at += period) {
            MemorySegment.copy(x, 0, x, at, Math.min(period, x.byteSize() - at));
        }
    }

    /** Fails a wrong result. */
    static void require(boolean right, String what) {
        if (!right) {
            throw new IllegalStateException(what + ": wrong result; nothing was timed");
        }
    }

    @Override
    public void close() {
        slabs.forEach(backend::unmapSlab);
        slabs.clear();
    }
}
