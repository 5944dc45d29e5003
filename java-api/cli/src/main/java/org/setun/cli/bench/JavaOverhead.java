package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.TernaryOps;

/**
 * What Java adds to a call: the same GEMV with the same arguments, called from a loop in C and through the API, in turn. The difference holds
 * the argument checks, the descriptor, the guard against a second caller and the transition into native code.
 */
final class JavaOverhead {

    /** Times of a call that is shown, in microseconds. */
    static final List<Double> TARGETS = List.of(2.0, 10.0, 50.0);

    private static final long K = 2560;
    private static final long LARGEST_M = 1 << 13;
    private static final long POOL_BYTES = 16L << 20;
    private static final long ALIGNMENT = 64;
    private static final int CALIBRATIONS = 9;
    private static final double SAMPLE_NANOS = 5e5;
    private static final int LEAST_ROUNDS = 5;

    /**
     * @param micros     time of a call from C, in microseconds
     * @param addedNanos what the same call takes longer from Java, in nanoseconds: the median of differences
     */
    record Result(double micros, double addedNanos) {
    }

    private final class Call {
        private final long m;
        private final long repeats;
        private final Samples fromC = new Samples();
        private final Samples added = new Samples();

        Call(double targetMicros) {
            Samples nanosPerRow = new Samples();
            for (int i = 0; i < CALIBRATIONS; i++) {
                nanosPerRow.add(fromC(LARGEST_M / 4, 10) / (LARGEST_M / 4.0));
            }
            m = Math.clamp(Math.round(targetMicros * 1e3 / nanosPerRow.median() / 16) * 16, 16, LARGEST_M);
            repeats = Math.max(10, (long) (SAMPLE_NANOS / (targetMicros * 1e3)));
        }

        /** Once there and once back, so that a drift of the clock cancels out; before that once for the caches. */
        void sample() {
            fromJava(m, 1);
            fromC(m, 1);
            boolean javaFirst = fromC.count() % 2 == 1;
            double outer = time(javaFirst);
            double inner = time(!javaFirst) + time(!javaFirst);
            outer += time(javaFirst);
            fromC.add((javaFirst ? inner : outer) / 2);
            added.add((javaFirst ? outer - inner : inner - outer) / 2);
        }

        private double time(boolean java) {
            return java ? fromJava(m, repeats) : fromC(m, repeats);
        }
    }

    private final NativeBackend backend;
    private final MemorySegment packed;
    private final MemorySegment gamma;
    private final MemorySegment q;
    private final MemorySegment step;
    private final MemorySegment sum;
    private final MemorySegment y;

    JavaOverhead(Operands operands) {
        backend = operands.backend();
        SegmentAllocator pool = SegmentAllocator.slicingAllocator(operands.bytes(POOL_BYTES)); // one slab, as a MemoryPool has
        packed = pool.allocate(TernaryOps.packedBytes(LARGEST_M, K), ALIGNMENT);
        gamma = pool.allocate(Float.BYTES, ALIGNMENT);
        q = pool.allocate(TernaryOps.paddedK(K), ALIGNMENT);
        step = pool.allocate(Float.BYTES, ALIGNMENT);
        sum = pool.allocate(Integer.BYTES, ALIGNMENT);
        y = pool.allocate(LARGEST_M * Float.BYTES, ALIGNMENT);
        backend.ternaryPack(operands.codes(LARGEST_M * K), LARGEST_M, K, packed);
        gamma.set(ValueLayout.JAVA_FLOAT, 0, 0.02f);
        backend.quantizeRows(operands.gaussian(K), 1, K, K, q, step, sum);
    }

    /** One result for each of {@link #TARGETS}, in about {@code seconds}. */
    List<Result> measure(double seconds) {
        warmUp();
        List<Call> calls = new ArrayList<>();
        TARGETS.forEach(target -> calls.add(new Call(target)));
        long until = System.nanoTime() + (long) (seconds * 1e9);
        for (int round = 0; round < LEAST_ROUNDS || System.nanoTime() < until; round++) {
            calls.forEach(Call::sample);
        }
        return calls.stream().map(call -> new Result(call.fromC.median() / 1e3, call.added.median())).toList();
    }

    /** Until the API call is compiled. */
    private void warmUp() {
        for (int i = 0; i < 200; i++) {
            fromJava(16, 200);
        }
    }

    private double fromC(long m, long repeats) {
        return backend.measureTernaryGemm(repeats, packed, m, K, gamma, q, step, sum, 1, y, m) * 1e9 / repeats;
    }

    private double fromJava(long m, long repeats) {
        long start = System.nanoTime();
        for (long i = 0; i < repeats; i++) {
            backend.ternaryGemm(packed, m, K, gamma, q, step, sum, 1, null, null, y, m, null);
        }
        return (System.nanoTime() - start) / (double) repeats;
    }
}
