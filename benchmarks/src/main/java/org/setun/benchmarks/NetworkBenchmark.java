package org.setun.benchmarks;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.setun.kernels.NnOps;
import org.setun.kernels.OptimOps;
import org.setun.kernels.reference.ReferenceBackend;

/** The network and optimizer kernels at the shapes of a small decoder: 2,048 tokens, dim 256, 4 heads of 64, vocabulary 2,048. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class NetworkBenchmark extends DecoderOperands {

    private static final long BATCH = 8;
    private static final long TOKENS = BATCH * T;
    private static final long VOCAB = 2048;
    private static final NnOps.Attention ATTENTION = new NnOps.Attention(BATCH, T, T, HEADS, HEADS, 64, 0.125f, DIM, DIM, 0);
    private static final OptimOps.AdamW ADAMW = new OptimOps.AdamW(1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.1f, 0.05f);

    private MemorySegment rstd;
    private MemorySegment wide;
    private MemorySegment weights;
    private MemorySegment logits;
    private MemorySegment teacher;
    private MemorySegment dlogits;
    private MemorySegment targets;
    private MemorySegment loss;

    public NetworkBenchmark() {
        super(TOKENS);
    }

    @Override
    void allocate(Operands o) {
        rstd = o.floats(TOKENS);
        wide = o.floats(TOKENS * FFN);
        weights = o.gaussian(FFN * DIM);
        logits = o.gaussian(TOKENS * VOCAB);
        teacher = o.gaussian(TOKENS * VOCAB);
        dlogits = o.floats(TOKENS * VOCAB);
        targets = o.integers(TOKENS, (int) VOCAB);
        loss = o.floats(TOKENS);
    }

    @Override
    void check(Operands o) {
        MemorySegment expected = o.floats(TOKENS * FFN);
        try (ReferenceBackend reference = new ReferenceBackend()) {
            attentionForward();
            reference.attentionForward(ATTENTION, x, k, v, expected, null);
            Operands.requireClose("attention", expected, y, TOKENS * DIM, 1e-4);
            gemm();
            reference.gemmF32(false, true, TOKENS, FFN, DIM, 1, x, DIM, weights, DIM, 0, expected, FFN);
            Operands.requireClose("gemm", expected, wide, TOKENS * FFN, 1e-4);
            rmsNormForward();
            reference.rmsNormForward(x, norm, TOKENS, DIM, 1e-5f, expected, null);
            Operands.requireClose("RMSNorm", expected, y, TOKENS * DIM, 1e-5);
            attentionForward();
        }
    }

    @Benchmark
    public void gemm() {
        backend.gemmF32(false, true, TOKENS, FFN, DIM, 1, x, DIM, weights, DIM, 0, wide, FFN);
    }

    @Benchmark
    public void rmsNormForward() {
        backend.rmsNormForward(x, norm, TOKENS, DIM, 1e-5f, y, rstd);
    }

    @Benchmark
    public void attentionForward() {
        backend.attentionForward(ATTENTION, x, k, v, y, lse);
    }

    @Benchmark
    public void attentionBackward() {
        backend.attentionBackward(ATTENTION, x, k, v, y, lse, dout, dq, dk, dv);
    }

    @Benchmark
    public void swiGlu() {
        backend.gluForward(NnOps.Glu.SILU, gate, up, TOKENS, FFN, wide);
    }

    @Benchmark
    public void crossEntropy() {
        backend.crossEntropy(logits, targets, TOKENS, VOCAB, loss, dlogits, 1f / TOKENS);
    }

    @Benchmark
    public void distill() {
        backend.distill(NnOps.Divergence.FORWARD, 4, logits, teacher, null, TOKENS, VOCAB, loss, dlogits, 1f / TOKENS);
    }

    @Benchmark
    public void adamW() {
        backend.adamW(ADAMW, TOKENS * DIM, dq, dout, dk, dv, null);
    }
}
