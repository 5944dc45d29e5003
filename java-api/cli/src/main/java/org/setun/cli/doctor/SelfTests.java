package org.setun.cli.doctor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import org.setun.kernels.Backend;
import org.setun.kernels.NnOps;
import org.setun.kernels.OptimOps;
import org.setun.kernels.TernaryFormat;
import org.setun.kernels.TernaryOps;

import static org.setun.cli.doctor.Operands.byteValues;
import static org.setun.cli.doctor.Operands.values;

/** The self-tests of {@code setun doctor}: every operation of a backend, on shapes that hit full blocks and remainders. */
public final class SelfTests {

    /** Rows, columns of the weights, and activation rows: none is a multiple of a vector. */
    private static final int M = 67;
    private static final int K = 777;
    private static final int N = 5;

    /** Float kernels sum at most about 1,000 products here: 1,000 * 2^-24, with room for orders of summation. */
    private static final double FLOAT = 1e-4;

    private SelfTests() {
    }

    /** All self-tests. */
    public static List<SelfTest> all() {
        List<SelfTest> tests = new ArrayList<>();
        ternary(tests);
        network(tests);
        optimizer(tests);
        return tests;
    }

    private static void ternary(List<SelfTest> tests) {
        exact(tests, "ternary quantize", (b, o) -> {
            MemorySegment codes = o.bytes((long) M * K);
            b.ternaryQuantize(o.gaussian((long) M * K), M, K, codes, o.floats(1));
            return byteValues(codes);
        });
        exact(tests, "ternary quantize + pack", (b, o) -> {
            MemorySegment packed = o.bytes(TernaryOps.packedBytes(M, K));
            b.ternaryQuantizePack(o.gaussian((long) M * K), M, K, packed, o.floats(1));
            return byteValues(packed);
        });
        exact(tests, "ternary unpack", (b, o) -> {
            MemorySegment codes = o.bytes((long) M * K);
            b.ternaryUnpack(packed(b, o), M, K, codes);
            return byteValues(codes);
        });
        exact(tests, "ternary expand", (b, o) -> {
            MemorySegment out = o.floats((long) M * K);
            b.ternaryExpand(packed(b, o), M, K, o.gaussian(1), out);
            return values(out);
        });
        for (TernaryFormat format : TernaryFormat.values()) {
            exact(tests, "codec " + format, (b, o) -> codec(b, o, format));
        }
        exact(tests, "activation quantize (int8 rows)", (b, o) -> {
            MemorySegment q = o.bytes(N * TernaryOps.paddedK(K));
            b.quantizeRows(o.gaussian((long) N * K), N, K, K, q, o.floats(N), o.ints(N));
            return byteValues(q);
        });
        exact(tests, "ternary x int8 GEMM", (b, o) -> gemm(b, o, N));
        exact(tests, "ternary x int8 GEMV", (b, o) -> gemm(b, o, 1));
        close(tests, "ternary x fp32 GEMM", (b, o) -> {
            MemorySegment y = o.floats((long) N * M);
            b.ternaryGemmF32(packed(b, o), M, K, o.gaussian(1), o.gaussian((long) N * K), N, K, null, y, M);
            return values(y);
        });
    }

    private static void network(List<SelfTest> tests) {
        close(tests, "fp32 GEMM", (b, o) -> {
            MemorySegment c = o.floats((long) N * M);
            b.gemmF32(false, true, N, M, K, 1, o.gaussian((long) N * K), K, o.gaussian((long) M * K), K, 0, c, M);
            return values(c);
        });
        close(tests, "embedding", (b, o) -> {
            MemorySegment ids = o.integers(N, M);
            MemorySegment y = o.floats((long) N * K);
            MemorySegment gradient = o.floats((long) M * K);
            b.embeddingForward(ids, N, o.gaussian((long) M * K), M, K, y);
            b.embeddingBackward(ids, N, o.gaussian((long) N * K), M, K, gradient);
            return values(y, gradient);
        });
        close(tests, "RMSNorm", (b, o) -> {
            MemorySegment x = o.gaussian((long) N * K);
            MemorySegment w = o.gaussian(K);
            MemorySegment y = o.floats((long) N * K);
            MemorySegment dx = o.floats((long) N * K);
            MemorySegment dw = o.floats(K);
            MemorySegment rstd = o.floats(N);
            b.rmsNormForward(x, w, N, K, 1e-5f, y, rstd);
            b.rmsNormBackward(x, w, rstd, o.gaussian((long) N * K), N, K, dx, false, dw);
            return values(y, dx, dw);
        });
        for (NnOps.Rope convention : NnOps.Rope.values()) {
            close(tests, "RoPE " + convention.name().toLowerCase(), (b, o) -> {
                MemorySegment x = o.gaussian(N * 64L);
                b.rope(x, N, 4, 16, 64, o.integers(N, 1000), 10_000, convention, false);
                return values(x);
            });
        }
        close(tests, "attention", SelfTests::attention);
        for (NnOps.Glu kind : NnOps.Glu.values()) {
            close(tests, "GLU " + kind.name().toLowerCase(), (b, o) -> {
                MemorySegment gate = o.gaussian((long) N * K);
                MemorySegment up = o.gaussian((long) N * K);
                MemorySegment y = o.floats((long) N * K);
                MemorySegment dgate = o.floats((long) N * K);
                MemorySegment dup = o.floats((long) N * K);
                b.gluForward(kind, gate, up, N, K, y);
                b.gluBackward(kind, gate, up, o.gaussian((long) N * K), N, K, dgate, dup);
                return values(y, dgate, dup);
            });
        }
        exact(tests, "ReLU", (b, o) -> {
            MemorySegment x = o.gaussian(K);
            MemorySegment y = o.floats(K);
            MemorySegment dx = o.floats(K);
            b.reluForward(x, K, y);
            b.reluBackward(x, o.gaussian(K), K, dx);
            return values(y, dx);
        });
        close(tests, "bias", (b, o) -> {
            MemorySegment y = o.gaussian((long) N * K);
            MemorySegment gradient = o.floats(K);
            b.biasForward(o.gaussian(K), N, K, y);
            b.biasBackward(y, N, K, gradient);
            return values(y, gradient);
        });
        close(tests, "softmax-cross-entropy", (b, o) -> {
            MemorySegment loss = o.floats(N);
            MemorySegment dlogits = o.floats((long) N * K);
            b.crossEntropy(o.gaussian((long) N * K), o.integers(N, K), N, K, loss, dlogits, 0.5f);
            return values(loss, dlogits);
        });
    }

    private static void optimizer(List<SelfTest> tests) {
        exact(tests, "sums", (b, o) -> {
            MemorySegment x = o.gaussian(10_001);
            MemorySegment sum = o.doubles(1);
            MemorySegment squares = o.doubles(1);
            b.sum(x, 10_001, sum);
            b.sumSquares(x, 10_001, squares);
            MemorySegment factor = o.floats(2);
            b.clipFactor(squares, 1, 1, factor);
            return values(sum, squares, factor);
        });
        exact(tests, "AdamW", (b, o) -> {
            MemorySegment w = o.gaussian(K);
            MemorySegment m = o.floats(K);
            MemorySegment v = o.floats(K);
            b.adamW(new OptimOps.AdamW(1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.1f, 0.05f), K, w, o.gaussian(K), m, v, null);
            return values(w, m, v);
        });
    }

    private static MemorySegment packed(Backend b, Operands o) {
        MemorySegment packed = o.bytes(TernaryOps.packedBytes(M, K));
        b.ternaryPack(o.codes((long) M * K), M, K, packed);
        return packed;
    }

    private static float[] codec(Backend b, Operands o, TernaryFormat format) {
        long k = 768;
        MemorySegment data = o.bytes(format.bytes(M, k));
        MemorySegment decoded = o.bytes(M * k);
        long scales = format.scales(M, k);
        b.ternaryEncode(format, o.codes(M * k), M, k, scales == 0 ? null : o.gaussian(scales), data);
        b.ternaryDecode(format, data, M, k, decoded, scales == 0 ? null : o.floats(scales));
        return byteValues(decoded);
    }

    private static float[] gemm(Backend b, Operands o, int n) {
        MemorySegment packed = packed(b, o);
        MemorySegment q = o.bytes(n * TernaryOps.paddedK(K));
        MemorySegment step = o.floats(n);
        MemorySegment sum = o.ints(n);
        MemorySegment y = o.floats((long) n * M);
        b.quantizeRows(o.gaussian((long) n * K), n, K, K, q, step, sum);
        b.ternaryGemm(packed, M, K, o.gaussian(1), q, step, sum, n, o.gaussian(M), null, y, M, null);
        return values(y);
    }

    private static float[] attention(Backend b, Operands o) {
        int t = 37;
        int heads = 4;
        int kvHeads = 2;
        int headDim = 24;
        long q = (long) t * heads * headDim;
        long kv = (long) t * kvHeads * headDim;
        NnOps.Attention shape = new NnOps.Attention(1, t, t, heads, kvHeads, headDim, 0.2f, heads * headDim, kvHeads * headDim, 0);
        MemorySegment query = o.gaussian(q);
        MemorySegment key = o.gaussian(kv);
        MemorySegment value = o.gaussian(kv);
        MemorySegment out = o.floats(q);
        MemorySegment lse = o.floats((long) heads * t);
        MemorySegment dq = o.floats(q);
        MemorySegment dk = o.floats(kv);
        MemorySegment dv = o.floats(kv);
        b.attentionForward(shape, query, key, value, out, lse);
        b.attentionBackward(shape, query, key, value, out, lse, o.gaussian(q), dq, dk, dv);
        return values(out, dq, dk, dv);
    }

    private static void exact(List<SelfTest> tests, String name, BiFunction<Backend, Operands, float[]> run) {
        tests.add(new SelfTest(name, 0, (backend, arena) -> run.apply(backend, new Operands(arena))));
    }

    private static void close(List<SelfTest> tests, String name, BiFunction<Backend, Operands, float[]> run) {
        tests.add(new SelfTest(name, FLOAT, (backend, arena) -> run.apply(backend, new Operands(arena))));
    }
}
