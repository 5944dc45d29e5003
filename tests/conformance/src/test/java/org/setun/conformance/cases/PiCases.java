package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiScaling;
import org.setun.testsupport.OffHeap;

/** Cases of {@code setun/pi.h}: all of them promise bits. */
final class PiCases {

    private static final PiGrid[] GRIDS = {PiGrid.uniform(3), PiGrid.uniform(2), PiGrid.tangent(3, 14), PiGrid.tangent(2, 8),
            PiGrid.symmetric(3, 1, 3, 5, 7)};

    private PiCases() {
    }

    static Stream<Op> ops() {
        return Stream.of(new Op("pi_quantize", new int[]{2, 2, 0, 1}, new int[]{9, 6, GRIDS.length - 1, 127}, PiCases::quantize),
                new Op("pi_dequantize", new int[]{2, 2, 0, 0}, new int[]{33, 9, GRIDS.length - 1, 1}, PiCases::dequantize));
    }

    /**
     * Extents: rows, blocks in a row, grid, and in bits of the last: 0 and 1 the choice of steps; 2 importance of columns, 3 of every value;
     * 4 gaps between rows; 5 and 6 the size of the values: usual, where f16 has few bits, where some steps are beyond f16, with outliers.
     */
    private static Case quantize(int[] e, Filler filler) {
        long n = e[0];
        long k = (long) e[1] * PiGrid.BLOCK;
        PiGrid grid = GRIDS[e[2]];
        PiScaling scaling = scaling(grid, e[3] & 3);
        long ldx = k + ((e[3] & 16) != 0 ? 3 : 0);
        boolean everyValue = (e[3] & 8) != 0;
        long stride = everyValue ? k : 0;
        Case made = new Case("pi_quantize").scalar("n", n).scalar("k", k).scalar("ldx", ldx).scalar("bits", (long) grid.bits())
                .scalar("magnitudes", Integer.toUnsignedLong(grid.packedMagnitudes())).scalar("base", (long) scaling.base().code())
                .scalar("count", (long) scaling.count()).scalar("both_signs", scaling.bothSigns() ? 1L : 0L)
                .scalar("importance_stride", stride).in("x", Type.F32, sized(filler.floats(n * ldx), e[3] >> 5))
                .in("factors", Type.F32, OffHeap.of(scaling.factors()));
        if ((e[3] & 12) != 0) {
            made.in("importance", Type.F32, filler.positive(everyValue ? n * k : k));
        }
        return made.out("blocks", Type.I8, n * k / PiGrid.BLOCK * grid.blockBytes()).call((b, s) -> b.piQuantize(grid, scaling, s.get("x"),
                n, k, ldx, s.get("importance"), stride, s.get("blocks")));
    }

    /** One step of the largest magnitude; the search with both signs; multiples of the deviation; two of them with both signs. */
    private static PiScaling scaling(PiGrid grid, int choice) {
        float outermost = 1f / Math.abs(grid.level(0));
        return switch (choice) {
            case 0 -> new PiScaling(PiScaling.Base.ABSMAX, false, outermost);
            case 1 -> {
                float[] factors = new float[32];
                for (int c = 0; c < factors.length; c++) {
                    factors[c] = outermost * (1.1f - 0.03f * c);
                }
                yield new PiScaling(PiScaling.Base.ABSMAX, true, factors);
            }
            case 2 -> new PiScaling(PiScaling.Base.RMS, false, 4 * outermost, 3 * outermost, 2.5f * outermost, 2 * outermost, outermost);
            default -> new PiScaling(PiScaling.Base.RMS, true, 2.3f * outermost, 1.9f * outermost);
        };
    }

    private static MemorySegment sized(MemorySegment x, int size) {
        for (long i = 0; i < x.byteSize() / Float.BYTES && size != 0; i++) {
            float factor = size == 1 ? 1e-6f : size == 2 ? 1e5f : i % 201 == 0 ? 40 : 1;
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, x.getAtIndex(ValueLayout.JAVA_FLOAT, i) * factor);
        }
        return x;
    }

    /** Any bytes are a block: NaN and infinite steps come up too. The last extent: gaps between rows. */
    private static Case dequantize(int[] e, Filler filler) {
        long n = e[0];
        long k = (long) e[1] * PiGrid.BLOCK;
        PiGrid grid = GRIDS[e[2]];
        long ldy = k + 5 * e[3];
        byte[] blocks = new byte[Math.toIntExact(n * k / PiGrid.BLOCK * grid.blockBytes())];
        for (int i = 0; i < blocks.length; i++) {
            blocks[i] = (byte) filler.random().nextInt();
        }
        return new Case("pi_dequantize").scalar("n", n).scalar("k", k).scalar("bits", (long) grid.bits())
                .scalar("magnitudes", Integer.toUnsignedLong(grid.packedMagnitudes())).scalar("ldy", ldy)
                .in("blocks", Type.I8, OffHeap.of(blocks)).out("y", Type.F32, n * ldy)
                .call((b, s) -> b.piDequantize(grid, s.get("blocks"), n, k, s.get("y"), ldy));
    }
}
