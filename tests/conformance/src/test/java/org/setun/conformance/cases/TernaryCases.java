package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Bound;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.Activation;
import org.setun.kernels.Backend;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.PackedLayout;
import org.setun.kernels.TernaryFormat;
import org.setun.kernels.TernaryOps;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.testsupport.OffHeap;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/** Cases of {@code setun/ternary.h}. All but the fp32 product promise bits. */
final class TernaryCases {

    private static final Backend REFERENCE = new ReferenceBackend();

    private TernaryCases() {
    }

    static Stream<Op> ops() {
        Stream<Op> plain = Stream.of(new Op("ternary_quantize", e(3, 20), e(70, 9000), TernaryCases::quantize),
                new Op("ternary_quantize_pack", e(3, 20), e(70, 9000), TernaryCases::quantizePack),
                new Op("ternary_pack", e(3, 20), e(70, 4097), TernaryCases::pack),
                new Op("ternary_unpack", e(3, 20), e(70, 4097), TernaryCases::unpack),
                new Op("ternary_expand", e(3, 20), e(70, 4097), TernaryCases::expand),
                new Op("quantize_rows", e(3, 20, 1), e(70, 9000, 9), TernaryCases::quantizeRows),
                new Op("dequantize_rows", e(3, 20), e(70, 4097), TernaryCases::dequantizeRows),
                new Op("ternary_dense_pack", e(3, 20), e(70, 4097), TernaryCases::densePack),
                new Op("ternary_dense_unpack", e(3, 20), e(70, 4097), TernaryCases::denseUnpack),
                new Op("ternary_gemm", e(5, 300, 2, 1), e(130, 4097, 70, 17),
                        (extents, filler) -> gemm(PackedLayout.PLANES, extents, filler)),
                new Op("ternary_gemm:DENSE", e(5, 300, 2, 1), e(130, 4097, 70, 17),
                        (extents, filler) -> gemm(PackedLayout.DENSE, extents, filler)),
                new Op("ternary_gemm_f32", e(5, 300, 2, 1), e(130, 4097, 33, 9), TernaryCases::gemmF32),
                new Op("ternary_gemm_backward", e(5, 300, 2, 1), e(1100, 700, 33, 15), TernaryCases::gemmBackward));
        Stream<Op> codecs = Stream.of(TernaryFormat.values()).flatMap(format -> Stream.of(
                new Op("ternary_encode:" + format, e(3, 1), e(33, 9), (extents, filler) -> encode(format, extents, filler)),
                new Op("ternary_decode:" + format, e(3, 1), e(33, 9), (extents, filler) -> decode(format, extents, filler))));
        return Stream.concat(plain, codecs);
    }

    private static int[] e(int... extents) {
        return extents;
    }

    private static Case matrix(String op, long m, long k) {
        return new Case(op).scalar("m", m).scalar("k", k);
    }

    private static MemorySegment packed(MemorySegment codes, long m, long k) {
        return packed(PackedLayout.PLANES, codes, m, k);
    }

    private static MemorySegment packed(PackedLayout layout, MemorySegment codes, long m, long k) {
        MemorySegment packed = OffHeap.bytes(layout.bytes(m, k));
        if (layout == PackedLayout.DENSE) {
            REFERENCE.ternaryDensePack(codes, m, k, packed);
        } else {
            REFERENCE.ternaryPack(codes, m, k, packed);
        }
        return packed;
    }

    private static Case quantize(int[] e, Filler filler) {
        long m = e[0];
        long k = e[1];
        return matrix("ternary_quantize", m, k).in("w", Type.F32, filler.floats(m * k)).out("codes", Type.I8, m * k)
                .out("gamma", Type.F32, 1).call((b, s) -> b.ternaryQuantize(s.get("w"), m, k, s.get("codes"), s.get("gamma")));
    }

    private static Case quantizePack(int[] e, Filler filler) {
        long m = e[0];
        long k = e[1];
        return matrix("ternary_quantize_pack", m, k).in("w", Type.F32, filler.floats(m * k))
                .out("packed", Type.I8, TernaryOps.packedBytes(m, k)).out("gamma", Type.F32, 1)
                .call((b, s) -> b.ternaryQuantizePack(s.get("w"), m, k, s.get("packed"), s.get("gamma")));
    }

    private static Case pack(int[] e, Filler filler) {
        long m = e[0];
        long k = e[1];
        return matrix("ternary_pack", m, k).in("codes", Type.I8, filler.codes(m * k)).out("packed", Type.I8, TernaryOps.packedBytes(m, k))
                .call((b, s) -> b.ternaryPack(s.get("codes"), m, k, s.get("packed")));
    }

    private static Case unpack(int[] e, Filler filler) {
        long m = e[0];
        long k = e[1];
        return matrix("ternary_unpack", m, k).in("packed", Type.I8, packed(filler.codes(m * k), m, k)).out("codes", Type.I8, m * k)
                .call((b, s) -> b.ternaryUnpack(s.get("packed"), m, k, s.get("codes")));
    }

    private static Case densePack(int[] e, Filler filler) {
        long m = e[0];
        long k = e[1];
        return matrix("ternary_dense_pack", m, k).in("codes", Type.I8, filler.codes(m * k))
                .out("dense", Type.I8, PackedLayout.DENSE.bytes(m, k))
                .call((b, s) -> b.ternaryDensePack(s.get("codes"), m, k, s.get("dense")));
    }

    private static Case denseUnpack(int[] e, Filler filler) {
        long m = e[0];
        long k = e[1];
        return matrix("ternary_dense_unpack", m, k).in("dense", Type.I8, packed(PackedLayout.DENSE, filler.codes(m * k), m, k))
                .out("codes", Type.I8, m * k).call((b, s) -> b.ternaryDenseUnpack(s.get("dense"), m, k, s.get("codes")));
    }

    private static Case expand(int[] e, Filler filler) {
        long m = e[0];
        long k = e[1];
        return matrix("ternary_expand", m, k).in("packed", Type.I8, packed(filler.codes(m * k), m, k))
                .in("gamma", Type.F32, filler.floats(1))
                .out("out", Type.F32, m * k).call((b, s) -> b.ternaryExpand(s.get("packed"), m, k, s.get("gamma"), s.get("out")));
    }

    private static long columns(TernaryFormat format, int blocks) {
        return switch (format) {
            case TQ2_0, TQ1_0 -> 256L * blocks;
            case I2_S -> 128L * blocks;
            case HF_U8 -> 37L * blocks;
        };
    }

    private static MemorySegment halves(Filler filler, long count) {
        MemorySegment scales = filler.floats(count);
        for (long i = 0; i < count; i++) {
            float value = scales.getAtIndex(JAVA_FLOAT, i);
            scales.setAtIndex(JAVA_FLOAT, i, value * (float) Math.exp(filler.random().nextGaussian() * 6));
        }
        return scales;
    }

    private static Case encode(TernaryFormat format, int[] e, Filler filler) {
        long m = e[0];
        long k = columns(format, e[1]);
        return new Case("ternary_encode").scalar("format", format.code()).scalar("m", m).scalar("k", k)
                .in("codes", Type.I8, filler.codes(m * k)).in("scales", Type.F32, halves(filler, format.scales(m, k)))
                .out("data", Type.I8, format.bytes(m, k))
                .call((b, s) -> b.ternaryEncode(format, s.get("codes"), m, k, s.get("scales"), s.get("data")));
    }

    private static Case decode(TernaryFormat format, int[] e, Filler filler) {
        long m = e[0];
        long k = columns(format, e[1]);
        MemorySegment data = OffHeap.bytes(format.bytes(m, k));
        REFERENCE.ternaryEncode(format, filler.codes(m * k), m, k, halves(filler, format.scales(m, k)), data);
        return new Case("ternary_decode").scalar("format", format.code()).scalar("m", m).scalar("k", k).in("data", Type.I8, data)
                .out("codes", Type.I8, m * k).out("scales", Type.F32, format.scales(m, k))
                .call((b, s) -> b.ternaryDecode(format, s.get("data"), m, k, s.get("codes"), s.get("scales")));
    }

    private static Case quantizeRows(int[] e, Filler filler) {
        long n = e[0];
        long k = e[1];
        long ldx = k + e[2];
        return new Case("quantize_rows").scalar("n", n).scalar("k", k).scalar("ldx", ldx).in("x", Type.F32, filler.floats(n * ldx))
                .out("q", Type.I8, n * TernaryOps.paddedK(k)).out("step", Type.F32, n).out("sum", Type.I32, n)
                .call((b, s) -> b.quantizeRows(s.get("x"), n, k, ldx, s.get("q"), s.get("step"), s.get("sum")));
    }

    private static Case dequantizeRows(int[] e, Filler filler) {
        long n = e[0];
        long k = e[1];
        return new Case("dequantize_rows").scalar("n", n).scalar("k", k)
                .in("q", Type.I8, filler.int8Rows(n, k, TernaryOps.paddedK(k))).in("step", Type.F32, filler.floats(n))
                .out("y", Type.F32, n * k).call((b, s) -> b.dequantizeRows(s.get("q"), s.get("step"), n, k, s.get("y")));
    }

    /** The last extent chooses among bias, residual (a segment of its own, or y), raw sums, and gaps between rows. */
    private static Case gemm(PackedLayout layout, int[] e, Filler filler) {
        long m = e[0];
        long k = e[1];
        long n = e[2];
        int variant = e[3];
        long ldy = m + (variant & 1);
        boolean withY = variant != 16;
        boolean inPlace = withY && (variant & 6) == 6;
        long kp = TernaryOps.paddedK(k);
        Activation activation = Activation.values()[(int) ((m + n) % 3)];
        MemorySegment q = filler.int8Rows(n, k, kp);
        Case made = new Case("ternary_gemm").scalar("m", m).scalar("k", k).scalar("n", n).scalar("ldy", ldy)
                .scalar("activation", (long) activation.code()).scalar("layout", (long) layout.code())
                .in("packed", Type.I8, packed(layout, filler.codes(m * k), m, k)).in("gamma", Type.F32, filler.floats(1))
                .in("q", Type.I8, q)
                .in("step", Type.F32, filler.floats(n)).in("sum", Type.I32, sums(q, n, k, kp));
        if ((variant & 8) != 0) {
            made.in("bias", Type.F32, filler.floats(m));
        }
        if (withY && (variant & 6) == 2) {
            made.in("residual", Type.F32, filler.floats(n * ldy));
        }
        if (inPlace) {
            made.scalar("residual_is_y", 1L).inout("y", Type.F32, filler.floats(n * ldy));
        } else if (withY) {
            made.out("y", Type.F32, n * ldy);
        }
        if (!withY || (variant & 6) == 4) {
            made.out("acc", Type.I32, n * m);
        }
        return made.call((b, s) -> b.ternaryGemm(layout, s.get("packed"), m, k, s.get("gamma"), s.get("q"), s.get("step"), s.get("sum"), n,
                s.get("bias"), activation, inPlace ? s.get("y") : s.get("residual"), s.get("y"), ldy, s.get("acc")));
    }

    private static MemorySegment sums(MemorySegment q, long n, long k, long kp) {
        byte[] values = OffHeap.toBytes(q);
        int[] sums = new int[(int) n];
        for (int t = 0; t < n; t++) {
            for (int i = 0; i < k; i++) {
                sums[t] += values[(int) (t * kp + i)];
            }
        }
        return OffHeap.of(sums);
    }

    /** The last extent chooses gaps between rows (bits 0, 1), bf16 gradients (2), and whether they are added to (3). */
    private static Case gemmBackward(int[] e, Filler filler) {
        int m = e[0];
        int k = e[1];
        int n = e[2];
        float beta = (e[3] & 8) != 0 ? 1 : 0;
        int lddx = k + (e[3] >> 1 & 1);
        Stored dy = Stored.of((e[3] & 4) != 0 ? Element.BF16 : Element.F32, false, n, m, e[3] & 1, filler);
        MemorySegment dx = filler.floats((long) n * lddx);
        MemorySegment gamma = filler.floats(1);
        float[] before = OffHeap.toFloats(dx);
        float scale = Math.abs(OffHeap.toFloats(gamma)[0]);
        Bound bound = (i, expected) -> {
            if (i % lddx >= k) {
                return 0;
            }
            double magnitude = 0;
            for (int o = 0; o < m; o++) {
                magnitude += Math.abs(dy.rounded(i / lddx, o, 1));
            }
            return Bounds.sum(m + 4, scale * magnitude + (beta == 0 ? 0 : Math.abs(before[i])))
                    + scale * Bounds.FLUSHED * (3 * m + magnitude);
        };
        return matrix("ternary_gemm_backward", m, k).scalar("n", (long) n).scalar("type_dy", (long) dy.element.ordinal())
                .scalar("beta", beta)
                .scalar("lddy", (long) dy.ld).scalar("lddx", (long) lddx)
                .in("packed", Type.I8, packed(filler.codes((long) m * k), m, k)).in("gamma", Type.F32, gamma).in("dy", dy.type(), dy.values)
                .inout("dx", dx, bound).call((b, s) -> b.ternaryGemmBackward(s.get("packed"), m, k, s.get("gamma"), dy.element, s.get("dy"),
                        n, dy.ld, beta, s.get("dx"), lddx));
    }

    private static Case gemmF32(int[] e, Filler filler) {
        long m = e[0];
        long k = e[1];
        long n = e[2];
        long ldx = k + (e[3] & 3);
        long ldy = m + (e[3] >> 2);
        MemorySegment x = filler.floats(n * ldx);
        MemorySegment gamma = filler.floats(1);
        float[] values = OffHeap.toFloats(x);
        float scale = OffHeap.toFloats(gamma)[0];
        Case made = new Case("ternary_gemm_f32").scalar("m", m).scalar("k", k).scalar("n", n).scalar("ldx", ldx).scalar("ldy", ldy)
                .in("packed", Type.I8, packed(filler.codes(m * k), m, k)).in("gamma", Type.F32, gamma).in("x", Type.F32, x);
        MemorySegment bias = e[3] % 2 == 1 ? filler.floats(m) : OffHeap.floats(m);
        float[] shift = OffHeap.toFloats(bias);
        if (e[3] % 2 == 1) {
            made.in("bias", Type.F32, bias);
        }
        return made.out("y", n * ldy, (i, expected) -> {
            int t = (int) (i / ldy);
            int o = (int) (i % ldy);
            return o >= m ? 0 : Bounds.sum(k + 3, Math.abs(scale) * Bounds.absolute(values, t * ldx, k) + Math.abs(shift[o]));
        }).call((b, s) -> b.ternaryGemmF32(s.get("packed"), m, k, s.get("gamma"), s.get("x"), n, ldx, s.get("bias"), s.get("y"), ldy));
    }
}
