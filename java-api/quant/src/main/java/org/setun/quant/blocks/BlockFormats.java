package org.setun.quant.blocks;

import java.util.List;
import org.setun.formats.gguf.GgmlType;
import org.setun.quant.format.WeightFormat;

/**
 * The GGUF block types that Setun writes. Codes are those of {@code docs/formats.md} less the number they are stored with; the spans are
 * where the least error was found for normal and heavy-tailed values.
 */
public final class BlockFormats {

    private static final List<WeightFormat> ALL = List.of(
            new GgmlBlockFormat(GgmlType.TQ1_0, 256, -1, 1, false, 1, TernaryFit::new, Packings::tq10),
            new GgmlBlockFormat(GgmlType.TQ2_0, 256, -1, 1, false, 1, TernaryFit::new, Packings::tq20),
            new GgmlBlockFormat(GgmlType.Q1_0, 128, 0, 1, true, 1, SignFit::new, Packings::q10),
            new GgmlBlockFormat(GgmlType.Q2_0, 64, -1, 2, false, 1, () -> new ScaleFit(-1, 2, 0.8, 3, 23), Packings::q20),
            new GgmlBlockFormat(GgmlType.Q4_0, 32, -8, 7, false, 7, () -> new ScaleFit(-8, 7, 5.6, 9.2, 19), Packings::q40),
            new GgmlBlockFormat(GgmlType.Q4_1, 32, 0, 15, false, 1, () -> new AffineFit(15, 12, 16.5, 37), Packings::q41),
            new GgmlBlockFormat(GgmlType.Q5_0, 32, -16, 15, false, 15, () -> new ScaleFit(-16, 15, 13, 17.2, 15), Packings::q50),
            new GgmlBlockFormat(GgmlType.Q5_1, 32, 0, 31, false, 1, () -> new AffineFit(31, 27, 32.5, 29), Packings::q51),
            // -128 would be one more code, but kernels of other engines negate bytes
            new GgmlBlockFormat(GgmlType.Q8_0, 32, -127, 127, false, 127, () -> new ScaleFit(-127, 127, 122, 127.5, 12), Packings::q80),
            new GgmlBlockFormat(GgmlType.Q2_K, 16, 0, 3, true, 15,
                    () -> new AffineGroupsFit(new GridSearch(0, 3, 1.6, 4, 25), 16, 15), Packings::q2k),
            new GgmlBlockFormat(GgmlType.Q3_K, 16, -4, 3, true, 31 * 3,
                    () -> new ScaledGroupsFit(new GridSearch(-4, 3, 2.2, 5, 15), 16, -32, 31), Packings::q3k),
            new GgmlBlockFormat(GgmlType.Q4_K, 32, 0, 15, true, 63,
                    () -> new AffineGroupsFit(new GridSearch(0, 15, 12, 16.5, 37), 8, 63), Packings::q4k),
            new GgmlBlockFormat(GgmlType.Q5_K, 32, 0, 31, true, 63,
                    () -> new AffineGroupsFit(new GridSearch(0, 31, 27, 32.5, 29), 8, 63), Packings::q5k),
            new GgmlBlockFormat(GgmlType.Q6_K, 16, -32, 31, true, 127 * 31,
                    () -> new ScaledGroupsFit(new GridSearch(-32, 31, 27, 33, 15), 16, -128, 127), Packings::q6k));

    private BlockFormats() {
    }

    /** All of them. */
    public static List<WeightFormat> all() {
        return ALL;
    }
}
