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
import org.setun.kernels.GemmOps;
import org.setun.kernels.NnOps;
import org.setun.kernels.TernaryOps;
import org.setun.kernels.reference.ReferenceBackend;

/** What a ternary training step runs in bf16 and int8, at the shapes of a small decoder: 1,024 tokens, dim 256, ffn 768, 4 heads of 64. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class LowPrecisionBenchmark extends DecoderOperands {

    private static final long TOKENS = 4 * T;
    private static final NnOps.Attention FP32 = new NnOps.Attention(4, T, T, HEADS, HEADS, 64, 0.125f, DIM, DIM, 0);
    private static final NnOps.Attention BF16 = new NnOps.Attention(4, T, T, HEADS, HEADS, 64, 0.125f, DIM, DIM, 0, NnOps.Precision.BF16);

    private MemorySegment packed;
    private MemorySegment gamma;
    private MemorySegment dy;
    private MemorySegment dx;
    private MemorySegment dw;
    private MemorySegment q;
    private MemorySegment step;
    private MemorySegment sum;

    public LowPrecisionBenchmark() {
        super(TOKENS);
    }

    @Override
    void allocate(Operands o) {
        packed = o.bytes(TernaryOps.packedBytes(FFN, DIM));
        gamma = o.floats(1);
        backend.ternaryQuantizePack(o.gaussian(FFN * DIM), FFN, DIM, packed, gamma);
        dy = o.gaussian(TOKENS * FFN);
        dx = o.floats(TOKENS * DIM);
        dw = o.floats(FFN * DIM);
        q = o.bytes(TOKENS * TernaryOps.paddedK(FFN));
        step = o.floats(TOKENS);
        sum = o.integers(TOKENS, 1);
    }

    @Override
    void check(Operands o) {
        MemorySegment expected = o.floats(TOKENS * FFN);
        try (ReferenceBackend reference = new ReferenceBackend()) {
            gradientOfInput();
            reference.ternaryGemmBackward(packed, FFN, DIM, gamma, GemmOps.Element.F32, dy, TOKENS, FFN, 0, expected, DIM);
            Operands.requireClose("dX", expected, dx, TOKENS * DIM, 1e-4);
            attentionForward();
            reference.attentionForward(FP32, x, k, v, expected, null);
            Operands.requireClose("attention", expected, y, TOKENS * DIM, 0.1); // operands rounded by 2^-8
            normQuantize();
            MemorySegment codes = o.bytes(q.byteSize());
            reference.rmsNormQuantize(x, null, norm, TOKENS, DIM, 1e-5f, null, null, null, codes, expected, o.integers(TOKENS, 1));
            Operands.requireClose("step of RMSNorm + int8", expected, step, TOKENS, 0);
            gradientOfWeights();
            reference.gemmBf16(FFN, DIM, TOKENS, 1, GemmOps.Operand.f32(dy, FFN).transpose(), GemmOps.Operand.i8(codes, DIM), step, 0, null,
                    expected, DIM);
            Operands.requireClose("dW", expected, dw, FFN * DIM, 1e-4);
        }
    }

    /** dX = dY * W from packed weights. */
    @Benchmark
    public void gradientOfInput() {
        backend.ternaryGemmBackward(packed, FFN, DIM, gamma, GemmOps.Element.F32, dy, TOKENS, FFN, 0, dx, DIM);
    }

    /** dW = dY^T * X from int8 codes and their steps. */
    @Benchmark
    public void gradientOfWeights() {
        backend.gemmBf16(FFN, DIM, TOKENS, 1, GemmOps.Operand.f32(dy, FFN).transpose(), GemmOps.Operand.i8(q, DIM), step, 0, null, dw, DIM);
    }

    @Benchmark
    public void attentionForward() {
        backend.attentionForward(BF16, x, k, v, y, lse);
    }

    @Benchmark
    public void attentionBackward() {
        backend.attentionBackward(BF16, x, k, v, y, lse, dout, dq, dk, dv);
    }

    @Benchmark
    public void normQuantize() {
        backend.rmsNormQuantize(x, null, norm, TOKENS, DIM, 1e-5f, null, null, null, q, step, sum);
    }

    @Benchmark
    public void gluQuantize() {
        backend.gluQuantize(NnOps.Glu.SILU, gate, up, null, 0, TOKENS, FFN, null, q, step, sum);
    }
}
