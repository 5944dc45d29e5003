package org.setun.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.TernaryOps;
import org.setun.kernels.reference.ReferenceBackend;

/** The ternary family at the square shape of BitNet b1.58 2B4T, one matrix in cache. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class TernaryBenchmark {

    private static final long M = 2560;
    private static final long K = 2560;

    @Param({"1", "2"})
    public int threads;

    /** Activation rows. */
    @Param({"1", "8", "128"})
    public int n;

    private NativeBackend backend;
    private Arena arena;
    private MemorySegment w;
    private MemorySegment packed;
    private MemorySegment gamma;
    private MemorySegment x;
    private MemorySegment q;
    private MemorySegment step;
    private MemorySegment sum;
    private MemorySegment y;

    @Setup(Level.Trial)
    public void setUp() {
        backend = NativeBackend.create(BackendOptions.defaults().withThreads(threads));
        arena = Arena.ofShared();
        Operands operands = new Operands(arena);
        w = operands.gaussian(M * K);
        packed = operands.bytes(TernaryOps.packedBytes(M, K));
        gamma = operands.floats(1);
        x = operands.gaussian(n * K);
        q = operands.bytes(n * TernaryOps.paddedK(K));
        step = operands.floats(n);
        sum = operands.floats(n);
        y = operands.floats(n * M);
        check(operands);
    }

    private void check(Operands operands) {
        quantizePack();
        quantizeRows();
        ternaryGemm();
        MemorySegment expected = operands.floats(M);
        try (ReferenceBackend reference = new ReferenceBackend()) {
            reference.ternaryGemm(packed, M, K, gamma, q, step, sum, 1, null, null, expected, M, null);
        }
        Operands.requireClose("ternaryGemm", expected, y, M, 0);
    }

    @TearDown(Level.Trial)
    public void tearDown() {
        arena.close();
        backend.close();
    }

    @Benchmark
    public void ternaryGemm() {
        backend.ternaryGemm(packed, M, K, gamma, q, step, sum, n, null, null, y, M, null);
    }

    @Benchmark
    public void ternaryGemmF32() {
        backend.ternaryGemmF32(packed, M, K, gamma, x, n, K, null, y, M);
    }

    @Benchmark
    public void quantizeRows() {
        backend.quantizeRows(x, n, K, K, q, step, sum);
    }

    @Benchmark
    public void quantizePack() {
        backend.ternaryQuantizePack(w, M, K, packed, gamma);
    }
}
