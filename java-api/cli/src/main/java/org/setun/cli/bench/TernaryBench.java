package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.TernaryOps;

/** Ternary weights times int8 or fp32 activations, hot (one matrix) or cold (walking through many). */
final class TernaryBench {

    private static final int CHECKED_PRODUCTS = 256;

    private final Machine machine;
    private final double seconds;

    TernaryBench(Machine machine, double seconds) {
        this.machine = machine;
        this.seconds = seconds;
    }

    /** {@code y = x * W^T} on {@code copies} distinct packed matrices in turn. */
    Row gemm(long m, long k, long n, long workingSetBytes) {
        NativeBackend backend = machine.backend();
        long packedBytes = TernaryOps.packedBytes(m, k);
        int copies = (int) Math.max(1, workingSetBytes / packedBytes);
        MemorySegment weights = packedCopies(m, k, copies);
        MemorySegment gamma = floats(1, 0.02f);
        long kp = TernaryOps.paddedK(k);
        MemorySegment q = machine.allocate(n * kp);
        MemorySegment step = machine.allocate(n * 4);
        MemorySegment sum = machine.allocate(n * 4);
        backend.quantizeRows(gaussian(n * k), n, k, k, q, step, sum);
        MemorySegment y = machine.allocate(n * m * 4);
        check(m, k, n, weights.asSlice(0, packedBytes), q, gamma, step, sum);
        double nanos = Timing.medianNanos(seconds, call -> {
            MemorySegment w = weights.asSlice((call % copies) * packedBytes, packedBytes);
            backend.ternaryGemm(w, m, k, gamma, q, step, sum, n, null, null, y, m, null);
        });
        Row row = row("ternary_gemm", m, k, n, copies * packedBytes, nanos, packedBytes, machine.dotRate(), "exact");
        machine.release();
        return row;
    }

    /** The same with fp32 activations. */
    Row gemmF32(long m, long k, long n) {
        NativeBackend backend = machine.backend();
        long packedBytes = TernaryOps.packedBytes(m, k);
        MemorySegment weights = packedCopies(m, k, 1);
        MemorySegment gamma = floats(1, 0.02f);
        MemorySegment x = gaussian(n * k);
        MemorySegment y = machine.allocate(n * m * 4);
        backend.ternaryGemmF32(weights, m, k, gamma, x, n, k, null, y, m);
        checkF32(m, k, n, weights, x, y);
        double nanos = Timing.medianNanos(seconds, call -> backend.ternaryGemmF32(weights, m, k, gamma, x, n, k, null, y, m));
        Row row = row("ternary_gemm_f32", m, k, n, packedBytes, nanos, packedBytes, machine.fmaRate(), "bound");
        machine.release();
        return row;
    }

    /** Absmean, quantize and pack of an fp32 matrix: what a training step does with each weight. */
    Row quantizePack(long m, long k) {
        NativeBackend backend = machine.backend();
        MemorySegment w = gaussian(m * k);
        MemorySegment packed = machine.allocate(TernaryOps.packedBytes(m, k));
        MemorySegment gamma = floats(1, 0);
        double nanos = Timing.medianNanos(seconds, call -> backend.ternaryQuantizePack(w, m, k, packed, gamma));
        double mean = 0;
        for (long i = 0; i < m * k; i++) {
            mean += Math.abs(w.getAtIndex(ValueLayout.JAVA_FLOAT, i));
        }
        require(Math.abs(gamma.get(ValueLayout.JAVA_FLOAT, 0) / (mean / (m * k)) - 1) < 1e-5, "gamma of quantize + pack");
        Row row = row("ternary_quantize_pack", m, k, 0, m * k * 4, nanos, 2 * m * k * 4, Double.POSITIVE_INFINITY, "bound");
        machine.release();
        return row;
    }

    private MemorySegment packedCopies(long m, long k, int copies) {
        long packedBytes = TernaryOps.packedBytes(m, k);
        MemorySegment codes = machine.allocate(m * k);
        SplittableRandom random = new SplittableRandom(7);
        for (long i = 0; i < m * k; i++) {
            codes.set(ValueLayout.JAVA_BYTE, i, (byte) (random.nextInt(3) - 1));
        }
        MemorySegment packed = machine.allocate(copies * packedBytes);
        machine.backend().ternaryPack(codes, m, k, packed.asSlice(0, packedBytes));
        for (int copy = 1; copy < copies; copy++) {
            MemorySegment.copy(packed, 0, packed, copy * packedBytes, packedBytes);
        }
        return packed;
    }

    /** Compares random outputs with dot products computed here from the codes. */
    private void check(long m, long k, long n, MemorySegment packed, MemorySegment q, MemorySegment gamma, MemorySegment step,
            MemorySegment sum) {
        MemorySegment codes = machine.allocate(m * k);
        MemorySegment acc = machine.allocate(n * m * 4);
        machine.backend().ternaryUnpack(packed, m, k, codes);
        machine.backend().ternaryGemm(packed, m, k, gamma, q, step, sum, n, null, null, null, m, acc);
        long kp = TernaryOps.paddedK(k);
        SplittableRandom random = new SplittableRandom(11);
        for (int i = 0; i < CHECKED_PRODUCTS; i++) {
            long t = random.nextLong(n);
            long o = random.nextLong(m);
            int expected = 0;
            for (long j = 0; j < k; j++) {
                expected += codes.get(ValueLayout.JAVA_BYTE, o * k + j) * q.get(ValueLayout.JAVA_BYTE, t * kp + j);
            }
            require(acc.getAtIndex(ValueLayout.JAVA_INT, t * m + o) == expected, "ternary_gemm " + m + "x" + k + " n = " + n);
        }
    }

    private void checkF32(long m, long k, long n, MemorySegment packed, MemorySegment x, MemorySegment y) {
        MemorySegment codes = machine.allocate(m * k);
        machine.backend().ternaryUnpack(packed, m, k, codes);
        SplittableRandom random = new SplittableRandom(13);
        for (int i = 0; i < CHECKED_PRODUCTS; i++) {
            long t = random.nextLong(n);
            long o = random.nextLong(m);
            double expected = 0;
            double magnitude = 0;
            for (long j = 0; j < k; j++) {
                double product = codes.get(ValueLayout.JAVA_BYTE, o * k + j) * (double) x.getAtIndex(ValueLayout.JAVA_FLOAT, t * k + j);
                expected += product;
                magnitude += Math.abs(product);
            }
            double error = Math.abs(y.getAtIndex(ValueLayout.JAVA_FLOAT, t * m + o) - 0.02f * expected);
            require(error <= (k + 2) * 0x1p-24 * 0.02 * magnitude + 1e-12, "ternary_gemm_f32 " + m + "x" + k + " n = " + n);
        }
    }

    private MemorySegment gaussian(long count) {
        MemorySegment x = machine.allocate(count * 4);
        SplittableRandom random = new SplittableRandom(3);
        for (long i = 0; i < count; i++) {
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        return x;
    }

    private MemorySegment floats(long count, float value) {
        MemorySegment x = machine.allocate(count * 4);
        for (long i = 0; i < count; i++) {
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
        return x;
    }

    private Row row(String kernel, long m, long k, long n, long workingSet, double nanos, long bytesRead, double peak, String check) {
        double macs = (double) m * k * n;
        double bytesPerSecond = bytesRead / (nanos * 1e-9);
        return new Row(kernel, "planes2", m, k, n, machine.backend().threads(), machine.backend().isa().label(), workingSet / 1e6,
                nanos / 1e3,
                macs / nanos, bytesPerSecond / 1e9, macs / (nanos * 1e-9) / peak, bytesPerSecond / machine.readRate(workingSet), check);
    }

    private static void require(boolean right, String what) {
        if (!right) {
            throw new IllegalStateException(what + ": wrong result; nothing was timed");
        }
    }
}
