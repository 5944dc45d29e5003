package org.setun.cli.doctor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.setun.kernels.Activation;
import org.setun.kernels.GemmOps;
import org.setun.kernels.PackedLayout;
import org.setun.kernels.TernaryFormat;
import org.setun.kernels.TernaryOps;

import static org.setun.cli.doctor.Operands.byteValues;
import static org.setun.cli.doctor.Operands.intValues;
import static org.setun.cli.doctor.Operands.join;
import static org.setun.cli.doctor.Operands.values;
import static org.setun.cli.doctor.SelfTests.K;
import static org.setun.cli.doctor.SelfTests.M;
import static org.setun.cli.doctor.SelfTests.N;

/** Self-tests of {@link TernaryOps}: weights, their layouts and formats, and products. */
final class TernaryTests {

    private static final long WEIGHTS = (long) M * K;

    private TernaryTests() {
    }

    static List<SelfTest> all() {
        List<SelfTest> tests = new ArrayList<>();
        weights(tests);
        products(tests);
        return tests;
    }

    private static void weights(List<SelfTest> tests) {
        tests.add(SelfTest.exact("ternary quantize", (b, o) -> {
            MemorySegment codes = o.bytes(WEIGHTS);
            MemorySegment gamma = o.floats(1);
            b.ternaryQuantize(o.gaussian(WEIGHTS), M, K, codes, gamma);
            return join(byteValues(codes), values(gamma));
        }));
        tests.add(SelfTest.exact("ternary quantize + pack", (b, o) -> {
            MemorySegment packed = o.bytes(TernaryOps.packedBytes(M, K));
            MemorySegment gamma = o.floats(1);
            b.ternaryQuantizePack(o.gaussian(WEIGHTS), M, K, packed, gamma);
            return join(byteValues(packed), values(gamma));
        }));
        for (PackedLayout layout : PackedLayout.values()) {
            tests.add(SelfTest.exact("ternary pack, unpack" + suffix(layout), (b, o) -> {
                MemorySegment packed = packed(b, o, layout);
                MemorySegment codes = o.bytes(WEIGHTS);
                switch (layout) {
                    case PLANES -> b.ternaryUnpack(packed, M, K, codes);
                    case DENSE -> b.ternaryDenseUnpack(packed, M, K, codes);
                }
                return join(byteValues(packed), byteValues(codes));
            }));
        }
        tests.add(SelfTest.exact("ternary expand", (b, o) -> {
            MemorySegment out = o.floats(WEIGHTS);
            b.ternaryExpand(packed(b, o, PackedLayout.PLANES), M, K, o.gaussian(1), out);
            return values(out);
        }));
        for (TernaryFormat format : TernaryFormat.values()) {
            tests.add(SelfTest.exact("codec " + format, (b, o) -> codec(b, o, format)));
        }
    }

    private static void products(List<SelfTest> tests) {
        for (PackedLayout layout : PackedLayout.values()) {
            tests.add(SelfTest.exact("ternary x int8 GEMM" + suffix(layout), (b, o) -> gemm(b, o, layout, N, Activation.NONE)));
            tests.add(SelfTest.exact("ternary x int8 GEMV" + suffix(layout), (b, o) -> gemm(b, o, layout, 1, Activation.NONE)));
        }
        for (Activation activation : List.of(Activation.RELU, Activation.RELU2)) {
            tests.add(SelfTest.exact("ternary x int8 GEMM + " + activation,
                    (b, o) -> gemm(b, o, PackedLayout.PLANES, N, activation)));
        }
        tests.add(SelfTest.close("ternary x fp32 GEMM", (b, o) -> {
            MemorySegment y = o.floats((long) N * M);
            b.ternaryGemmF32(packed(b, o, PackedLayout.PLANES), M, K, o.gaussian(1), o.gaussian((long) N * K), N, K, null, y, M);
            return values(y);
        }));
        tests.add(SelfTest.close("ternary GEMM backward", (b, o) -> {
            MemorySegment packed = packed(b, o, PackedLayout.PLANES);
            MemorySegment dx = o.gaussian((long) N * K);
            b.ternaryGemmBackward(packed, M, K, o.gaussian(1), GemmOps.Element.F32, o.gaussian((long) N * M), N, M, 0.5f, dx, K);
            return values(dx);
        }));
    }

    private static String suffix(PackedLayout layout) {
        return layout == PackedLayout.PLANES ? "" : ", dense layout";
    }

    private static MemorySegment packed(TernaryOps b, Operands o, PackedLayout layout) {
        MemorySegment packed = o.bytes(layout.bytes(M, K));
        switch (layout) {
            case PLANES -> b.ternaryPack(o.codes(WEIGHTS), M, K, packed);
            case DENSE -> b.ternaryDensePack(o.codes(WEIGHTS), M, K, packed);
        }
        return packed;
    }

    private static float[] codec(TernaryOps b, Operands o, TernaryFormat format) {
        long k = 768;
        MemorySegment data = o.bytes(format.bytes(M, k));
        MemorySegment decoded = o.bytes(M * k);
        long scales = format.scales(M, k);
        b.ternaryEncode(format, o.codes(M * k), M, k, scales == 0 ? null : o.gaussian(scales), data);
        b.ternaryDecode(format, data, M, k, decoded, scales == 0 ? null : o.floats(scales));
        return join(byteValues(data), byteValues(decoded));
    }

    private static float[] gemm(TernaryOps b, Operands o, PackedLayout layout, int n, Activation activation) {
        MemorySegment packed = packed(b, o, layout);
        MemorySegment q = o.bytes(n * TernaryOps.paddedK(K));
        MemorySegment step = o.floats(n);
        MemorySegment sum = o.ints(n);
        MemorySegment y = o.floats((long) n * M);
        MemorySegment acc = o.ints((long) n * M);
        b.quantizeRows(o.gaussian((long) n * K), n, K, K, q, step, sum);
        b.ternaryGemm(layout, packed, M, K, o.gaussian(1), q, step, sum, n, o.gaussian(M), activation, o.gaussian((long) n * M), y, M, acc);
        return join(values(y), intValues(acc));
    }
}
