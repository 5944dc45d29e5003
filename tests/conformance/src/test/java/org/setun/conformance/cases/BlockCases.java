package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Bound;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.Backend;
import org.setun.kernels.BlockFormat;
import org.setun.kernels.BlockOps;
import org.setun.kernels.PiGrid;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.testsupport.OffHeap;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

/** Cases of {@code setun/blockquant.h}. All but the fp32 product promise bits. */
final class BlockCases {

    private static final Backend REFERENCE = new ReferenceBackend();

    private BlockCases() {
    }

    static Stream<Op> ops() {
        Stream<Op> quantize = Stream.of(new Op("quantize_blocks", e(3, 300, 1), e(70, 9000, 9), BlockCases::quantize));
        return Stream.concat(quantize, Arrays.stream(BlockFormat.values()).flatMap(format -> Stream.of(
                new Op("block_pack:" + format, e(5, 1), e(70, 17), (extents, filler) -> pack(format, extents, filler)),
                new Op("block_expand:" + format, e(5, 1, 1), e(70, 17, 16), (extents, filler) -> expand(format, extents, filler)),
                new Op("block_gemm:" + format, e(5, 1, 3, 1), e(130, 17, 70, 15), (extents, filler) -> gemm(format, extents, filler)),
                new Op("block_gemm_f32:" + format, e(5, 1, 3, 1), e(130, 9, 33, 9),
                        (extents, filler) -> gemmF32(format, extents, filler)))));
    }

    private static int[] e(int... extents) {
        return extents;
    }

    private static Case quantize(int[] e, Filler filler) {
        long n = e[0];
        long k = e[1];
        long ldx = k + e[2];
        long blocks = BlockOps.blocks(k);
        return new Case("quantize_blocks").scalar("n", n).scalar("k", k).scalar("ldx", ldx).in("x", Type.F32, filler.floats(n * ldx))
                .out("q", Type.I8, n * blocks * BlockOps.BLOCK).out("step", Type.F32, n * blocks)
                .out("sum", Type.I32, n * blocks * BlockOps.BLOCK_SUMS)
                .call((b, s) -> b.quantizeBlocks(s.get("x"), n, k, ldx, s.get("q"), s.get("step"), s.get("sum")));
    }

    /** Any bytes, with scales that are halves of the filler's kind. */
    private static MemorySegment data(BlockFormat format, long m, long k, Filler filler) {
        MemorySegment data = OffHeap.bytes(format.bytes(m, k));
        for (long i = 0; i < data.byteSize(); i++) {
            data.set(JAVA_BYTE, i, (byte) filler.random().nextInt());
        }
        int[] halves = switch (format) {
            case Q4_0, Q8_0 -> e(0);
            case Q2_K -> e(80, 82);
            case Q3_K -> e(108);
            case Q4_K, Q5_K -> e(0, 2);
            case Q6_K -> e(208);
            case E8P_2 -> e(64);
            case E8P_3 -> e(96);
            case E8P_4 -> e(128);
            case PI_Q2, PI_TAN2 -> e(64);
            case PI_Q3, PI_TAN3 -> e(96);
        };
        long blocks = data.byteSize() / format.blockBytes();
        MemorySegment scales = filler.floats(halves.length * blocks);
        for (long i = 0; i < halves.length * blocks; i++) {
            data.set(JAVA_SHORT_UNALIGNED, i / halves.length * format.blockBytes() + halves[(int) (i % halves.length)],
                    Float.floatToFloat16(scales.getAtIndex(JAVA_FLOAT, i)));
        }
        return data;
    }

    /** The levels of a tangent grid, or the format's own. */
    private static int parameter(BlockFormat format, Filler filler) {
        boolean own = format.mostParameter() == 0 || filler.random().nextInt(3) == 0;
        return own ? 0 : PiGrid.tangent(format == BlockFormat.PI_TAN2 ? 2 : 3, filler.random().nextInt(8, 40)).packedMagnitudes();
    }

    private static MemorySegment packed(BlockFormat format, long m, long k, Filler filler) {
        MemorySegment packed = OffHeap.bytes(format.packedBytes(m, k));
        REFERENCE.blockPack(format, parameter(format, filler), data(format, m, k, filler), m, k, packed);
        return packed;
    }

    private static Case matrix(String op, BlockFormat format, long m, long k) {
        return new Case(op).scalar("format", format.code()).scalar("m", m).scalar("k", k);
    }

    private static long columns(BlockFormat format, int blocks) {
        return (long) blocks * format.blockValues();
    }

    private static Case pack(BlockFormat format, int[] e, Filler filler) {
        long m = e[0];
        long k = columns(format, e[1]);
        int parameter = parameter(format, filler);
        return matrix("block_pack", format, m, k).scalar("parameter", (long) parameter).in("data", Type.I8, data(format, m, k, filler))
                .out("packed", Type.I8, format.packedBytes(m, k))
                .call((b, s) -> b.blockPack(format, parameter, s.get("data"), m, k, s.get("packed")));
    }

    /** The last extent is the first row, where the matrix has it. */
    private static Case expand(BlockFormat format, int[] e, Filler filler) {
        long m = e[0];
        long k = columns(format, e[1]);
        long row = Math.min(m, e[2]);
        long rows = m - row;
        return matrix("block_expand", format, m, k).scalar("row", row).scalar("rows", rows)
                .in("packed", Type.I8, packed(format, m, k, filler)).out("out", Type.F32, rows * k)
                .call((b, s) -> b.blockExpand(format, s.get("packed"), m, k, row, rows, s.get("out")));
    }

    /** The last extent chooses among bias, residual (a segment of its own, or y), and gaps between rows. */
    private static Case gemm(BlockFormat format, int[] e, Filler filler) {
        long m = e[0];
        long k = columns(format, e[1]);
        long n = e[2];
        long ldy = m + (e[3] & 1);
        boolean inPlace = (e[3] & 6) == 6;
        long blocks = BlockOps.blocks(k);
        MemorySegment q = OffHeap.bytes(n * blocks * BlockOps.BLOCK);
        MemorySegment step = OffHeap.floats(n * blocks);
        MemorySegment sum = OffHeap.bytes(4 * n * blocks * BlockOps.BLOCK_SUMS);
        REFERENCE.quantizeBlocks(filler.floats(n * k), n, k, k, q, step, sum);
        Case made = matrix("block_gemm", format, m, k).scalar("n", n).scalar("ldy", ldy)
                .in("packed", Type.I8, packed(format, m, k, filler)).in("q", Type.I8, q).in("step", Type.F32, step)
                .in("sum", Type.I32, sum);
        if ((e[3] & 8) != 0) {
            made.in("bias", Type.F32, filler.floats(m));
        }
        if ((e[3] & 6) == 2) {
            made.in("residual", Type.F32, filler.floats(n * ldy));
        }
        if (inPlace) {
            made.scalar("residual_is_y", 1L).inout("y", Type.F32, filler.floats(n * ldy));
        } else {
            made.out("y", Type.F32, n * ldy);
        }
        return made.call((b, s) -> b.blockGemm(format, s.get("packed"), m, k, s.get("q"), s.get("step"), s.get("sum"), n, s.get("bias"),
                inPlace ? s.get("y") : s.get("residual"), s.get("y"), ldy));
    }

    private static Case gemmF32(BlockFormat format, int[] e, Filler filler) {
        int m = e[0];
        int k = (int) columns(format, e[1]);
        int n = e[2];
        int ldx = k + (e[3] & 3);
        int ldy = m + (e[3] >> 2);
        MemorySegment x = filler.floats((long) n * ldx);
        float[] values = OffHeap.toFloats(x);
        MemorySegment packed = packed(format, m, k, filler);
        MemorySegment expanded = OffHeap.floats((long) m * k);
        REFERENCE.blockExpand(format, packed, m, k, 0, m, expanded);
        float[] weights = OffHeap.toFloats(expanded);
        Case made = matrix("block_gemm_f32", format, m, k).scalar("n", n).scalar("ldx", ldx).scalar("ldy", ldy)
                .in("packed", Type.I8, packed).in("x", Type.F32, x);
        MemorySegment bias = e[3] % 2 == 1 ? filler.floats(m) : OffHeap.floats(m);
        float[] shift = OffHeap.toFloats(bias);
        if (e[3] % 2 == 1) {
            made.in("bias", Type.F32, bias);
        }
        Bound bound = (i, expected) -> {
            int t = i / ldy;
            int o = i % ldy;
            if (o >= m) {
                return 0;
            }
            double magnitude = Math.abs(shift[o]);
            for (int j = 0; j < k; j++) {
                magnitude += Math.abs((double) values[t * ldx + j] * weights[o * k + j]);
            }
            return Bounds.sum(k + 4, magnitude);
        };
        return made.out("y", (long) n * ldy, bound)
                .call((b, s) -> b.blockGemmF32(format, s.get("packed"), m, k, s.get("x"), n, ldx, s.get("bias"), s.get("y"), ldy));
    }
}
