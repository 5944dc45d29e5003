package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.GemmOps.Element;
import org.setun.kernels.HadamardOps;
import org.setun.kernels.HadamardOps.SignGenerator;
import org.setun.kernels.TernaryOps;
import org.setun.testsupport.OffHeap;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

/** Cases of {@code setun/hadamard.h}, which promises bits. */
final class HadamardCases {

    /** Lengths beside those that the grid runs through: every kind of factor, in part of vectors and in whole ones. */
    private static final int[] LENGTHS = {12, 20, 24, 28, 36, 44, 48, 60, 100, 108, 148, 192, 132, 2560, 576, 768, 896, 960, 1536, 240, 720,
            3072, 4864, 5632, 6912, 8192, 832, 704, 1200, 11008, 13824, 14336, 16384, 18944, 32768};

    private HadamardCases() {
    }

    static Stream<Op> ops() {
        return Stream.of(new Op("hadamard", new int[]{2, 40, 0, 0}, new int[]{5, 9000, LENGTHS.length, 31}, HadamardCases::hadamard),
                new Op("hadamard_quantize", new int[]{2, 40, 0, 0}, new int[]{5, 9000, LENGTHS.length, 15}, HadamardCases::quantize),
                new Op("hadamard_signs", new int[]{40}, new int[]{9000}, HadamardCases::signs));
    }

    private static int length(int[] e) {
        return e[2] == 0 ? Math.max(1, e[1]) : LENGTHS[e[2] - 1];
    }

    /** The last extent: bit 0 chooses bf16, bit 1 the inverse, bit 2 signs, bit 3 y on x, bit 4 gaps between rows. */
    private static Case hadamard(int[] e, Filler filler) {
        long rows = e[0];
        long n = length(e);
        Element element = (e[3] & 1) != 0 ? Element.BF16 : Element.F32;
        Type type = element == Element.BF16 ? Type.BF16 : Type.F32;
        boolean inverse = (e[3] & 2) != 0;
        boolean onto = (e[3] & 8) != 0;
        long ldx = (e[3] & 16) != 0 ? n + 3 : n;
        long ldy = onto ? ldx : n + ((e[3] & 16) != 0 ? 5 : 0);
        long values = rows == 0 ? 0 : (rows - 1) * ldx + n;
        MemorySegment x = element == Element.BF16 ? upperHalves(filler.floats(values)) : filler.floats(values);
        Case made = new Case("hadamard").scalar("rows", rows).scalar("n", n).scalar("type", (long) element.ordinal())
                .scalar("inverse", inverse ? 1L : 0L).scalar("ldx", ldx).scalar("ldy", ldy);
        if (onto) {
            made.scalar("y_is_x", 1L).inout("x", type, x);
        } else {
            made.in("x", type, x);
        }
        if ((e[3] & 4) != 0) {
            made.in("signs", Type.I8, randomSigns(filler, n));
        }
        if (!onto) {
            made.out("y", type, rows == 0 ? 0 : (rows - 1) * ldy + n);
        }
        return made.call(
                (b, s) -> b.hadamard(element, inverse, s.get("x"), ldx, s.get("signs"), rows, n, onto ? s.get("x") : s.get("y"), ldy));
    }

    /** The last extent: bit 0 chooses signs, bits 1 and 2 no y, y apart, y on x, bit 3 gaps between rows. */
    private static Case quantize(int[] e, Filler filler) {
        long rows = e[0];
        long n = length(e);
        int where = e[3] >> 1 & 3;
        boolean onto = where >= 2;
        long ldx = (e[3] & 8) != 0 && !onto ? n + 3 : n;
        MemorySegment x = filler.floats(rows == 0 ? 0 : (rows - 1) * ldx + n);
        Case made = new Case("hadamard_quantize").scalar("rows", rows).scalar("n", n).scalar("ldx", ldx);
        if (onto) {
            made.scalar("y_is_x", 1L).inout("x", Type.F32, x);
        } else {
            made.in("x", Type.F32, x);
        }
        if ((e[3] & 1) != 0) {
            made.in("signs", Type.I8, randomSigns(filler, n));
        }
        if (where == 1) {
            made.out("y", Type.F32, rows * n);
        }
        return made.out("q", Type.I8, rows * TernaryOps.paddedK(n)).out("step", Type.F32, rows).out("sum", Type.I32, rows)
                .call((b, s) -> b.hadamardQuantize(s.get("x"), ldx, s.get("signs"), rows, n, onto ? s.get("x") : s.get("y"), s.get("q"),
                        s.get("step"), s.get("sum")));
    }

    private static Case signs(int[] e, Filler filler) {
        long n = e[0];
        long seed = filler.random().nextInt(); // exact as a double in the replay vectors
        SignGenerator generator = SignGenerator.SPLITMIX64;
        return new Case("hadamard_signs").scalar("generator", (long) generator.code()).scalar("seed", seed).scalar("n", n)
                .out("signs", Type.I8, HadamardOps.signBytes(n)).call((b, s) -> b.hadamardSigns(generator, seed, n, s.get("signs")));
    }

    private static MemorySegment randomSigns(Filler filler, long n) {
        MemorySegment signs = OffHeap.bytes(HadamardOps.signBytes(n));
        for (long i = 0; i < signs.byteSize(); i++) {
            signs.set(JAVA_BYTE, i, (byte) filler.random().nextInt());
        }
        return signs;
    }

    private static MemorySegment upperHalves(MemorySegment floats) {
        MemorySegment halves = OffHeap.bytes(floats.byteSize() / 2);
        for (long i = 0; i < floats.byteSize() / 4; i++) {
            halves.setAtIndex(JAVA_SHORT, i, (short) (Float.floatToRawIntBits(floats.getAtIndex(JAVA_FLOAT, i)) >>> 16));
        }
        return halves;
    }
}
