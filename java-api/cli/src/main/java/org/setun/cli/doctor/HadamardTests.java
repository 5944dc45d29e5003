package org.setun.cli.doctor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.HadamardFactors;
import org.setun.kernels.HadamardOps;
import org.setun.kernels.HadamardOps.SignGenerator;
import org.setun.kernels.TernaryOps;

import static org.setun.cli.doctor.Operands.byteValues;
import static org.setun.cli.doctor.Operands.join;
import static org.setun.cli.doctor.Operands.values;
import static org.setun.cli.doctor.SelfTests.N;

/** Self-tests of {@link HadamardOps}: each kind of matrix. */
final class HadamardTests {

    /** A power of two of several passes, products of Paley matrices of both kinds, blocks, and less than a vector. */
    private static final List<Long> LENGTHS = List.of(8192L, 6912L, 1408L, 152L, 777L, 12L);

    private HadamardTests() {
    }

    static List<SelfTest> all() {
        List<SelfTest> tests = new ArrayList<>();
        for (long n : LENGTHS) {
            tests.add(SelfTest.exact("Hadamard transform and inverse (" + HadamardFactors.of(n) + ")", (b, o) -> {
                MemorySegment x = o.gaussian(N * n);
                MemorySegment y = o.floats(N * n);
                MemorySegment back = o.floats(N * n);
                MemorySegment signs = signs(b, o, n);
                b.hadamard(Element.F32, false, x, n, signs, N, n, y, n);
                b.hadamard(Element.F32, true, y, n, signs, N, n, back, n);
                return join(values(y), values(back));
            }));
        }
        tests.add(SelfTest.exact("Hadamard transform of bf16", (b, o) -> {
            long n = 320;
            MemorySegment x = o.gaussian(N * n / 2); // any bits are a bf16
            b.hadamard(Element.BF16, false, x, n, null, N, n, x, n);
            return byteValues(x);
        }));
        tests.add(SelfTest.exact("Hadamard transform + quantize", (b, o) -> {
            long n = 1536;
            MemorySegment q = o.bytes(N * TernaryOps.paddedK(n));
            MemorySegment step = o.floats(N);
            MemorySegment sum = o.ints(N);
            b.hadamardQuantize(o.gaussian(N * n), n, signs(b, o, n), N, n, null, q, step, sum);
            return join(byteValues(q), values(step), Operands.intValues(sum));
        }));
        return tests;
    }

    private static MemorySegment signs(HadamardOps b, Operands o, long n) {
        MemorySegment signs = o.bytes(HadamardOps.signBytes(n));
        b.hadamardSigns(SignGenerator.SPLITMIX64, 1893, n, signs);
        return signs;
    }
}
