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

/** What a call costs beside its work: operations on empty shapes, through all checks, the descriptor and the downcall. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class CallOverheadBenchmark {

    /** 0: a free-threaded context; 1: one that guards against a second caller. */
    @Param({"0", "1"})
    public int threads;

    private NativeBackend backend;
    private Arena arena;
    private MemorySegment x;
    private MemorySegment packed;

    @Setup(Level.Trial)
    public void setUp() {
        backend = NativeBackend.create(BackendOptions.defaults().withThreads(threads));
        arena = Arena.ofShared();
        x = new Operands(arena).gaussian(64);
        packed = new Operands(arena).bytes(TernaryOps.packedBytes(1, 256));
    }

    @TearDown(Level.Trial)
    public void tearDown() {
        arena.close();
        backend.close();
    }

    /** Two arguments, no descriptor. */
    @Benchmark
    public void emptyFill() {
        backend.fill(x, 0, 0);
    }

    /** A descriptor of 18 fields. */
    @Benchmark
    public void emptyTernaryGemm() {
        backend.ternaryGemm(packed, 0, 256, x, x, x, x, 0, null, null, x, 0, null);
    }
}
