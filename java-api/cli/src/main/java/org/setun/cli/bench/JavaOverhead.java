package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
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
            double nanosPerRow = fromC(LARGEST_M / 4, 64) / (LARGEST_M / 4.0);
            m = Math.clamp(Math.round(targetMicros * 1e3 / nanosPerRow / 16) * 16, 16, LARGEST_M);
            repeats = Math.max(10, (long) (SAMPLE_NANOS / (targetMicros * 1e3)));
        }

        /** Once there and once back, so that a drift of the clock cancels out. */
        void sample() {
            double c = fromC(m, repeats);
            double java = fromJava(m, repeats) + fromJava(m, repeats);
            c += fromC(m, repeats);
            fromC.add(c / 2);
            added.add((java - c) / 2);
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
        packed = operands.bytes(TernaryOps.packedBytes(LARGEST_M, K));
        backend.ternaryPack(operands.codes(LARGEST_M * K), LARGEST_M, K, packed);
        gamma = operands.floats(1, 0.02f);
        q = operands.bytes(TernaryOps.paddedK(K));
        step = operands.floats(1);
        sum = operands.floats(1);
        backend.quantizeRows(operands.gaussian(K), 1, K, K, q, step, sum);
        y = operands.floats(LARGEST_M);
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
