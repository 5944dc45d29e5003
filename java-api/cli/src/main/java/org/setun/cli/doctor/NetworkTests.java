package org.setun.cli.doctor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.setun.kernels.Backend;
import org.setun.kernels.NnOps;

import static org.setun.cli.doctor.Operands.values;
import static org.setun.cli.doctor.SelfTests.K;
import static org.setun.cli.doctor.SelfTests.M;
import static org.setun.cli.doctor.SelfTests.N;

/** Self-tests of {@link NnOps}. */
final class NetworkTests {

    /** Operands of bf16 have 8 significant bits: errors here are up to 0.35 % of the largest value. */
    private static final double BF16 = 0.02;

    private NetworkTests() {
    }

    static List<SelfTest> all() {
        List<SelfTest> tests = new ArrayList<>();
        rows(tests);
        for (NnOps.Rope convention : NnOps.Rope.values()) {
            tests.add(SelfTest.close("RoPE " + convention.name().toLowerCase(Locale.ROOT), (b, o) -> {
                MemorySegment x = o.gaussian(N * 64L);
                b.rope(x, N, 4, 16, 64, o.integers(N, 1000), 10_000, convention, false);
                return values(x);
            }));
        }
        for (NnOps.Precision precision : NnOps.Precision.values()) {
            double bound = precision == NnOps.Precision.BF16 ? BF16 : SelfTest.FLOAT;
            String suffix = precision == NnOps.Precision.BF16 ? " in bf16" : "";
            tests.add(SelfTest.within(bound, "attention" + suffix, (b, o) -> attention(b, o, precision, false)));
            tests.add(SelfTest.within(bound, "attention backward" + suffix, (b, o) -> attention(b, o, precision, true)));
        }
        pointwise(tests);
        return tests;
    }

    private static void rows(List<SelfTest> tests) {
        tests.add(SelfTest.close("embedding", (b, o) -> {
            MemorySegment ids = o.integers(N, M);
            MemorySegment y = o.floats((long) N * K);
            MemorySegment gradient = o.floats((long) M * K);
            b.embeddingForward(ids, N, o.gaussian((long) M * K), M, K, y);
            b.embeddingBackward(ids, N, o.gaussian((long) N * K), M, K, gradient);
            return values(y, gradient);
        }));
        tests.add(SelfTest.close("RMSNorm", (b, o) -> {
            MemorySegment x = o.gaussian((long) N * K);
            MemorySegment w = o.gaussian(K);
            MemorySegment y = o.floats((long) N * K);
            MemorySegment dx = o.floats((long) N * K);
            MemorySegment dw = o.floats(K);
            MemorySegment rstd = o.floats(N);
            b.rmsNormForward(x, w, N, K, 1e-5f, y, rstd);
            b.rmsNormBackward(x, w, rstd, o.gaussian((long) N * K), N, K, dx, false, dw);
            return values(y, dx, dw);
        }));
        tests.add(SelfTest.close("bias", (b, o) -> {
            MemorySegment y = o.gaussian((long) N * K);
            MemorySegment gradient = o.floats(K);
            b.biasForward(o.gaussian(K), N, K, y);
            b.biasBackward(y, N, K, gradient);
            return values(y, gradient);
        }));
        tests.add(SelfTest.close("softmax-cross-entropy", (b, o) -> {
            MemorySegment loss = o.floats(N);
            MemorySegment dlogits = o.floats((long) N * K);
            b.crossEntropy(o.gaussian((long) N * K), o.integers(N, K), N, K, loss, dlogits, 0.5f, 0.1f);
            return values(loss, dlogits);
        }));
        for (NnOps.Divergence divergence : NnOps.Divergence.values()) {
            tests.add(SelfTest.close("distillation " + divergence.name().toLowerCase(Locale.ROOT), (b, o) -> {
                MemorySegment loss = o.floats(N);
                MemorySegment gradient = o.floats((long) N * K);
                b.distill(divergence, 2, o.gaussian((long) N * K), o.gaussian((long) N * K), null, N, K, loss, gradient, 0.5f);
                return values(loss, gradient);
            }));
        }
    }

    private static void pointwise(List<SelfTest> tests) {
        for (NnOps.Glu kind : NnOps.Glu.values()) {
            tests.add(SelfTest.close("GLU " + kind.name().toLowerCase(Locale.ROOT), (b, o) -> {
                MemorySegment gate = o.gaussian((long) N * K);
                MemorySegment up = o.gaussian((long) N * K);
                MemorySegment y = o.floats((long) N * K);
                MemorySegment dgate = o.floats((long) N * K);
                MemorySegment dup = o.floats((long) N * K);
                b.gluForward(kind, gate, up, N, K, y);
                b.gluBackward(kind, gate, up, o.gaussian((long) N * K), N, K, dgate, dup);
                return values(y, dgate, dup);
            }));
        }
        tests.add(SelfTest.exact("ReLU", (b, o) -> {
            MemorySegment x = o.gaussian(K);
            MemorySegment y = o.floats(K);
            MemorySegment dx = o.floats(K);
            b.reluForward(x, K, y);
            b.reluBackward(x, o.gaussian(K), K, dx);
            return values(y, dx);
        }));
        tests.add(SelfTest.exact("fill, a x + b y", (b, o) -> {
            MemorySegment y = o.gaussian(K);
            MemorySegment filled = o.floats(K);
            b.axpby(0.3f, o.gaussian(K), 0.7f, y, K);
            b.fill(filled, K, 0.1f);
            return values(y, filled);
        }));
    }

    private static float[] attention(Backend b, Operands o, NnOps.Precision precision, boolean backward) {
        int t = 37;
        int heads = 4;
        int kvHeads = 2;
        int headDim = 24;
        long q = (long) t * heads * headDim;
        long kv = (long) t * kvHeads * headDim;
        NnOps.Attention shape = new NnOps.Attention(1, t, t, heads, kvHeads, headDim, 0.2f, heads * headDim, kvHeads * headDim, 0,
                precision);
        MemorySegment query = o.gaussian(q);
        MemorySegment key = o.gaussian(kv);
        MemorySegment value = o.gaussian(kv);
        MemorySegment out = o.floats(q);
        MemorySegment lse = o.floats((long) heads * t);
        MemorySegment dq = o.floats(q);
        MemorySegment dk = o.floats(kv);
        MemorySegment dv = o.floats(kv);
        b.attentionForward(shape, query, key, value, out, lse);
        if (!backward) {
            return values(out);
        }
        b.attentionBackward(shape, query, key, value, out, lse, o.gaussian(q), dq, dk, dv);
        return values(dq, dk, dv);
    }
}
