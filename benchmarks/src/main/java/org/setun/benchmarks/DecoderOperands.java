package org.setun.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.NativeBackend;

/** A backend and the activations of a small decoder: dim 256, ffn 768, 4 heads of 64, sequences of 256 tokens. */
@State(Scope.Thread)
public abstract class DecoderOperands {

    static final long T = 256;
    static final long DIM = 256;
    static final long FFN = 768;
    static final int HEADS = 4;

    /** Threads of the backend. */
    @Param({"1", "2"})
    public int threads;

    final long tokens;
    NativeBackend backend;
    MemorySegment x;
    MemorySegment k;
    MemorySegment v;
    MemorySegment y;
    MemorySegment dout;
    MemorySegment dq;
    MemorySegment dk;
    MemorySegment dv;
    MemorySegment lse;
    MemorySegment norm;
    MemorySegment gate;
    MemorySegment up;
    private Arena arena;

    DecoderOperands(long tokens) {
        this.tokens = tokens;
    }

    /** Allocates the operands, those of the benchmark last, and compares its results with the reference. */
    @Setup(Level.Trial)
    public void setUp() {
        backend = NativeBackend.create(BackendOptions.defaults().withThreads(threads));
        arena = Arena.ofShared();
        Operands o = new Operands(arena);
        x = o.gaussian(tokens * DIM);
        k = o.gaussian(tokens * DIM);
        v = o.gaussian(tokens * DIM);
        y = o.floats(tokens * DIM);
        dout = o.gaussian(tokens * DIM);
        dq = o.floats(tokens * DIM);
        dk = o.floats(tokens * DIM);
        dv = o.floats(tokens * DIM);
        lse = o.floats(HEADS * tokens);
        norm = o.gaussian(DIM);
        gate = o.gaussian(tokens * FFN);
        up = o.gaussian(tokens * FFN);
        allocate(o);
        check(o);
    }

    /** Further operands. */
    abstract void allocate(Operands o);

    /** Fails unless the benchmark computes what the reference does. */
    abstract void check(Operands o);

    @TearDown(Level.Trial)
    public void tearDown() {
        arena.close();
        backend.close();
    }
}
