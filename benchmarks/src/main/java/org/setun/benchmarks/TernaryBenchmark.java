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

/** The ternary family at shapes of BitNet b1.58 2B4T and an odd one, one matrix in cache. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class TernaryBenchmark {

    /** Weights, outputs x inputs; the last one is odd. */
    @Param({"2560x2560", "6912x2560", "2560x6912", "333x4097"})
    public String shape;

    @Param({"1", "2"})
    public int threads;

    /** Activation rows. */
    @Param({"1", "4", "32", "512"})
    public int n;

    private long m;
    private long k;
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
        m = Long.parseLong(shape.substring(0, shape.indexOf('x')));
        k = Long.parseLong(shape.substring(shape.indexOf('x') + 1));
        backend = NativeBackend.create(BackendOptions.defaults().withThreads(threads));
        arena = Arena.ofShared();
        Operands operands = new Operands(arena);
        w = operands.gaussian(m * k);
        packed = operands.bytes(TernaryOps.packedBytes(m, k));
        gamma = operands.floats(1);
        x = operands.gaussian(n * k);
        q = operands.bytes(n * TernaryOps.paddedK(k));
        step = operands.floats(n);
        sum = operands.floats(n);
        y = operands.floats(n * m);
        check(operands);
    }

    private void check(Operands operands) {
        quantizePack();
        quantizeRows();
        ternaryGemm();
        MemorySegment expected = operands.floats(m);
        try (ReferenceBackend reference = new ReferenceBackend()) {
            reference.ternaryGemm(packed, m, k, gamma, q, step, sum, 1, null, null, expected, m, null);
        }
        Operands.requireClose("ternaryGemm", expected, y, m, 0);
        ternaryGemmF32();
        try (ReferenceBackend reference = new ReferenceBackend()) {
            reference.ternaryGemmF32(packed, m, k, gamma, x, 1, k, null, expected, m);
        }
        Operands.requireClose("ternaryGemmF32", expected, y, m, 1e-4);
    }

    @TearDown(Level.Trial)
    public void tearDown() {
        arena.close();
        backend.close();
    }

    @Benchmark
    public void ternaryGemm() {
        backend.ternaryGemm(packed, m, k, gamma, q, step, sum, n, null, null, y, m, null);
    }

    @Benchmark
    public void ternaryGemmF32() {
        backend.ternaryGemmF32(packed, m, k, gamma, x, n, k, null, y, m);
    }

    @Benchmark
    public void quantizeRows() {
        backend.quantizeRows(x, n, k, k, q, step, sum);
    }

    @Benchmark
    public void quantizePack() {
        backend.ternaryQuantizePack(w, m, k, packed, gamma);
    }
}
