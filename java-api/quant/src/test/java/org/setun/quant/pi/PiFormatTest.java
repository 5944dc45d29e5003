package org.setun.quant.pi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiScaling;
import org.setun.kernels.reference.PiBlocks;
import org.setun.quant.format.BlockRounder;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.format.WeightRows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class PiFormatTest {

    private static final String[] NAMES = {"pi-q2", "pi-q3", "pi-tan2", "pi-tan3"};

    /** Eight values in three bytes, value i at bits 3i to 3i + 2 of the little-endian number: all 2^24 patterns. */
    @Test
    void everyPatternOfThreeBitCodes() {
        byte[] block = new byte[98];
        byte[] again = new byte[98];
        byte[] codes = new byte[256];
        PiGrid grid = PiGrid.uniform(3);
        for (int word = 0; word < 1 << 24; word += 32) {
            for (int group = 0; group < 32; group++) {
                int bits = word + group;
                block[3 * group] = (byte) bits;
                block[3 * group + 1] = (byte) (bits >> 8);
                block[3 * group + 2] = (byte) (bits >> 16);
            }
            PiBlocks.codes(MemorySegment.ofArray(block), 0, 3, codes);
            for (int i = 0; i < 256; i++) {
                if (codes[i] != (word + i / 8 >> 3 * (i % 8) & 7)) {
                    throw new AssertionError("value " + i + " of " + Integer.toHexString(word + i / 8) + " reads " + codes[i]);
                }
            }
            PiBlocks.write(codes, 0, grid, MemorySegment.ofArray(again), 0);
            if (!Arrays.equals(block, again)) {
                throw new AssertionError("the codes of " + Integer.toHexString(word) + " are written as other bytes");
            }
        }
    }

    /** Four values in a byte, value i at bits 2i and 2i + 1: all patterns at all places. */
    @Test
    void everyPatternOfTwoBitCodes() {
        byte[] block = new byte[66];
        byte[] codes = new byte[256];
        for (int pattern = 0; pattern < 256; pattern++) {
            for (int at = 0; at < 64; at++) {
                block[at] = (byte) (pattern + at);
            }
            PiBlocks.codes(MemorySegment.ofArray(block), 0, 2, codes);
            for (int i = 0; i < 256; i++) {
                assertThat(codes[i]).isEqualTo((byte) (pattern + i / 4 >> 2 * (i % 4) & 3));
            }
            byte[] again = new byte[66];
            PiBlocks.write(codes, 0, PiGrid.uniform(2), MemorySegment.ofArray(again), 0);
            assertThat(again).isEqualTo(block);
        }
    }

    /** A block by hand: 98 or 66 bytes, codes first, the step in f16 last; values are code times step. */
    @ParameterizedTest
    @CsvSource({"pi-q3, 98", "pi-q2, 66", "pi-tan3:K=14, 98", "pi-tan2:K=8, 66"})
    void bytesOfABlock(String name, int bytes) {
        PiFormat format = (PiFormat) WeightFormats.parse(name);
        assertThat(format.blockBytes()).isEqualTo(bytes);
        assertThat(format.bitsPerWeight()).isEqualTo(8.0 * bytes / 256);
        assertThat(format.ggmlType()).isEmpty();
        byte[] block = new byte[bytes];
        block[0] = (byte) 0b10_001_110; // three bits: 6, 1, and two bits of the third code
        block[1] = 1;
        block[bytes - 1] = 0x38; // 0.5
        float[] values = new float[256];
        format.decode(MemorySegment.ofArray(block), 0, 256, values, 0);
        int[] codes = format.grid().bits() == 3 ? new int[]{6, 1, 6, 0} : new int[]{2, 3, 0, 2, 1, 0};
        for (int i = 0; i < codes.length; i++) {
            assertThat(values[i]).isEqualTo(0.5f * format.grid().level(codes[i]));
        }
    }

    @Test
    void levelsOfTheGrids() {
        assertThat(levels(PiGrid.uniform(2))).containsExactly(-2, -1, 0, 1);
        assertThat(levels(PiGrid.uniform(3))).containsExactly(-4, -3, -2, -1, 0, 1, 2, 3);
        assertThat(levels(PiGrid.tangent(2, 8))).containsExactly(-127, -38, 38, 127);
        assertThat(levels(PiGrid.tangent(3, 14))).containsExactly(-127, -80, -44, -14, 14, 44, 80, 127);
        assertThat(levels(PiGrid.tangent(3, 1000))).as("uniform in the limit: 127 times 1/7, 3/7, 5/7").containsExactly(-127, -91, -54, -18,
                18,
                54, 91, 127);
        for (int bits = 2; bits <= 3; bits++) {
            int least = PiGrid.leastShape(bits);
            for (int shape = least; shape <= PiGrid.MOST_SHAPE; shape++) {
                assertThat(levels(PiGrid.tangent(bits, shape))).isSorted().doesNotHaveDuplicates();
            }
            int wrong = bits;
            assertThatThrownBy(() -> PiGrid.tangent(wrong, least - 1)).hasMessageContaining("K = " + (least - 1));
            assertThatThrownBy(() -> PiGrid.tangent(wrong, 1001)).hasMessageContaining("K = 1001");
        }
        assertThatThrownBy(() -> PiGrid.uniform(4)).hasMessageContaining("bits = 4");
        assertThatThrownBy(() -> PiGrid.symmetric(2, 3, 3)).hasMessageContaining("must rise");
        assertThatThrownBy(() -> PiGrid.symmetric(2, 0, 3)).hasMessageContaining("must rise");
        assertThatThrownBy(() -> PiGrid.symmetric(2, 3, 128)).hasMessageContaining("must rise");
        assertThatThrownBy(() -> PiGrid.symmetric(2, 3)).hasMessageContaining("must be 2 for bits = 2");
        assertThat(PiGrid.tangent(2, 8)).isEqualTo(PiGrid.symmetric(2, 38, 127)).hasSameHashCodeAs(PiGrid.symmetric(2, 38, 127));
        assertThat(PiGrid.uniform(2)).isNotEqualTo(PiGrid.uniform(3)).hasToString("uniform[-2, -1, 0, 1]");
    }

    private static int[] levels(PiGrid grid) {
        int[] levels = new int[1 << grid.bits()];
        Arrays.setAll(levels, grid::level);
        return levels;
    }

    /** Ties: to the even integer on uniform grids, towards zero on symmetric ones; beyond the outermost level, to it. */
    @ParameterizedTest
    @CsvSource({"-1000, -4", "-4.5, -4", "-3.5, -4", "-2.5, -2", "-1.5, -2", "-0.5, 0", "-0, 0", "0, 0", "0.5, 0", "0.50001, 1", "1.5, 2",
            "2.5, 2", "2.50001, 3", "3.5, 3", "1e30, 3"})
    void roundingOfUniformGrids(float z, int level) {
        PiGrid grid = PiGrid.uniform(3);
        assertThat(grid.level(grid.code(z))).isEqualTo(level);
        assertThat(grid.level(PiBlocks.code(z * 4, 4, grid))).isEqualTo(level);
    }

    @ParameterizedTest
    @CsvSource({"-1e30, -127", "-82.50001, -127", "-82.5, -38", "-1, -38", "-0, 38", "0, 38", "82.5, 38", "82.50001, 127", "1000, 127"})
    void roundingOfSymmetricGrids(float z, int level) {
        PiGrid grid = PiGrid.tangent(2, 8);
        assertThat(grid.level(grid.code(z))).isEqualTo(level);
    }

    /** Encoding by the kernels gives the bytes that the rounder writes, which computes in Java. */
    @ParameterizedTest
    @ValueSource(strings = {"pi-q2", "pi-q3", "pi-q3:k=5,scale=absmax", "pi-q2:k=mixed", "pi-tan2", "pi-tan3", "pi-tan3:K=20,scale=absmax"})
    void kernelsAndRounderWriteTheSameBytes(String name) {
        WeightFormat format = WeightFormats.parse(name);
        int from = 3;
        int count = 256 * 150; // more than go to the kernel together
        float[] values = Weights.LAPLACE.sample(from + count, 8);
        Arrays.fill(values, from + 512, from + 768, 0);
        float[] importance = new float[values.length];
        Random random = new Random(3);
        for (int i = 0; i < importance.length; i++) {
            importance[i] = random.nextFloat();
        }
        for (float[] weights : new float[][]{null, importance}) {
            byte[] expected = new byte[7 + count / 256 * format.blockBytes()];
            BlockRounder rounder = format.newRounder();
            for (int block = 0; block < count / 256; block++) {
                int first = from + 256 * block;
                rounder.fit(values, first, weights);
                for (int i = 0; i < 256; i++) {
                    rounder.round(i, values, first + i, new float[1], 0);
                }
                rounder.write(MemorySegment.ofArray(expected), 7 + (long) block * format.blockBytes());
            }
            byte[] encoded = new byte[expected.length];
            format.encode(values, from, count, weights, MemorySegment.ofArray(encoded), 7);
            assertThat(encoded).isEqualTo(expected);
        }
    }

    @Test
    void zerosAndDenormalsBecomeZero() {
        for (String name : NAMES) {
            for (float value : new float[]{0, -0f, Float.MIN_VALUE, -1e-40f, 1e-12f}) {
                float[] values = new float[256];
                Arrays.fill(values, value);
                assertThat(stored(name, values)).containsOnly(0);
            }
        }
    }

    /** The first steps that f16 holds at all are coarse; the error stays within half of the smallest. */
    @Test
    void tinyBlocksUseTheSmallestSteps() {
        for (String name : NAMES) {
            float[] values = Weights.NORMAL.sample(256, 5);
            for (int i = 0; i < 256; i++) {
                values[i] *= 1e-5f;
            }
            float[] stored = stored(name, values);
            double noise = 0;
            double signal = 0;
            for (int i = 0; i < 256; i++) {
                noise += Math.pow(stored[i] - values[i], 2);
                signal += Math.pow(values[i], 2);
            }
            assertThat(noise).as(name).isLessThan(0.2 * signal);
        }
    }

    /** Constant blocks are exact but for the rounding of the step, on either side of zero. */
    @ParameterizedTest
    @ValueSource(floats = {1, -1, 3.14159f, -0.05f, 60000})
    void constantsAreKept(float value) {
        for (String name : NAMES) {
            float[] values = new float[256];
            Arrays.fill(values, value);
            for (float v : stored(name, values)) {
                assertThat(v).as(name).isBetween(value - Math.abs(value) * 0x1p-11f, value + Math.abs(value) * 0x1p-11f);
            }
        }
    }

    @Test
    void theStepTurnsItsSignToTheSideOfAnOutlier() {
        float[] values = new float[256];
        Arrays.fill(values, 0.5f);
        values[77] = 4;
        MemorySegment block = MemorySegment.ofArray(new byte[98]);
        WeightFormats.parse("pi-q3").encode(values, 0, 256, null, block, 0);
        assertThat(PiBlocks.step(block, 0, 3)).isNegative();
        float[] stored = stored("pi-q3", values);
        assertThat(stored[77]).isGreaterThan(1.9f);
        values[77] = -4;
        WeightFormats.parse("pi-q3").encode(values, 0, 256, null, block, 0);
        assertThat(PiBlocks.step(block, 0, 3)).isNotZero();
        assertThat(stored("pi-q3:scale=absmax", values)[77]).isEqualTo(-4 * Float.float16ToFloat(Float.floatToFloat16(4 / 3.5f)));
    }

    @Test
    void whatF16CannotScaleIsRefused() {
        for (String name : NAMES) {
            float[] values = new float[256];
            values[3] = 1e30f;
            assertThatThrownBy(() -> stored(name, values)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("too large");
            values[3] = Float.NEGATIVE_INFINITY;
            assertThatThrownBy(() -> stored(name, values)).hasMessageContaining("value -Infinity cannot be stored as " + name);
        }
    }

    @Test
    void importanceOfZeroAndNanStillGivesAStep() {
        float[] values = Weights.NORMAL.sample(256, 4);
        for (String name : NAMES) {
            for (float importance : new float[]{0, Float.NaN, Float.MAX_VALUE}) {
                float[] weights = new float[256];
                Arrays.fill(weights, importance);
                MemorySegment block = MemorySegment.ofArray(new byte[WeightFormats.parse(name).blockBytes()]);
                WeightFormats.parse(name).encode(values, 0, 256, weights, block, 0);
                float[] stored = new float[256];
                WeightFormats.parse(name).decode(block, 0, 256, stored, 0);
                for (int i = 0; i < 256; i++) {
                    assertThat(stored[i]).as("%s, importance %s", name, importance).isBetween(values[i] - 2, values[i] + 2);
                }
            }
        }
    }

    /** Any bytes decode; a NaN step gives NaN. */
    @Test
    void hostileBytes() {
        Random random = new Random(1);
        for (String name : NAMES) {
            WeightFormat format = WeightFormats.parse(name);
            byte[] block = new byte[format.blockBytes()];
            float[] values = new float[256];
            for (int i = 0; i < 100; i++) {
                random.nextBytes(block);
                format.decode(MemorySegment.ofArray(block), 0, 256, values, 0);
            }
            block[block.length - 1] = 0x7E;
            format.decode(MemorySegment.ofArray(block), 0, 256, values, 0);
            assertThat(values).containsOnly(Float.NaN);
        }
    }

    @Test
    void theShapeOfATangentIsFittedToTheWholeMatrix() {
        float[] values = Weights.LAPLACE.sample(1024 * 512, 2);
        Arrays.fill(values, 0, 1024, 0);
        assertThat(WeightFormats.parse("pi-tan3").fitted(WeightRows.of(values, 512)).name()).startsWith("pi-tan3:K=1");
        WeightFormat fixed = WeightFormats.parse("pi-tan3:K=20");
        assertThat(fixed.fitted(WeightRows.of(values, 512))).isSameAs(fixed);
        assertThat(WeightFormats.parse("pi-tan2").fitted(WeightRows.of(new float[256], 256)).name()).as("nothing to choose by")
                .isEqualTo("pi-tan2:K=8,scale=search");
        WeightFormat empty = WeightFormats.parse("pi-tan2").fitted(WeightRows.of(new float[0], 256));
        assertThat(empty.name()).isEqualTo("pi-tan2:K=8,scale=search");
    }

    @Test
    void namesAndWhatTheyRefuse() {
        assertThat(WeightFormats.parse("pi-q3").name()).isEqualTo("pi-q3:k=4,scale=search");
        assertThat(WeightFormats.parse("PI-Q2:scale=absmax").name()).isEqualTo("pi-q2:k=3,scale=absmax");
        assertThat(WeightFormats.parse("pi-q2:k=mixed,scale=sigma").name()).isEqualTo("pi-q2:k=mixed,scale=sigma");
        for (String wrong : new String[]{"pi-q3:k=6", "pi-q3:k=1", "pi-q3:K=4", "pi-q3:scale=best", "pi-tan3:K=7", "pi-tan2:K=3",
                "pi-tan2:scale=sigma", "pi-tan2:k=8", "pi-q3:k=mixed,scale=absmax"}) {
            assertThatThrownBy(() -> WeightFormats.parse(wrong)).as(wrong).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void configurationsAndTheirSteps() {
        PiQuantConfig config = new PiQuantConfig(3, 4, ScaleChoice.SEARCH);
        assertThat(config.step(2)).isEqualTo(Math.PI / 2);
        assertThat(config.alpha(config.step(0.3))).isEqualTo(0.3);
        PiQuantConfig mixed = new PiQuantConfig(2, PiQuantConfig.MIXED, ScaleChoice.SIGMA);
        assertThat(mixed.isMixed()).isTrue();
        assertThat(mixed.scaling()).isEqualTo(new PiScaling(PiScaling.Base.RMS, false, (float) Math.PI / 2, (float) (Math.PI / 3),
                (float) Math.PI / 4, (float) (Math.PI / 5)));
        assertThat(new PiQuantConfig(2, PiQuantConfig.MIXED, ScaleChoice.SEARCH).scaling().count()).isEqualTo(32);
        assertThatThrownBy(() -> mixed.step(1)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> new PiQuantConfig(4, 4, ScaleChoice.SEARCH)).hasMessageContaining("bits = 4");
        assertThatThrownBy(() -> new PiQuantConfig(3, 6, ScaleChoice.SEARCH)).hasMessageContaining("k = 6");
        assertThatThrownBy(() -> new PiQuantConfig(3, 0, ScaleChoice.ABSMAX)).hasMessageContaining("every k");
        assertThatThrownBy(() -> new PiScaling(PiScaling.Base.RMS, false)).hasMessageContaining("0 factors");
        assertThatThrownBy(() -> new PiScaling(PiScaling.Base.RMS, false, 1, -1)).hasMessageContaining("positive and finite");
    }

    @Test
    void tensorsComeBack() {
        float[] values = Weights.NORMAL.sample(6 * 512, 8);
        PiQuantConfig config = new PiQuantConfig(3, 4, ScaleChoice.SEARCH);
        try (Arena arena = Arena.ofConfined()) {
            PiQuantizedTensor tensor = PiQuantizedTensor.quantize(WeightRows.of(values, 512), config, null, arena);
            assertThat(tensor.data().byteSize()).isEqualTo(6 * 2 * 98);
            float[] row = new float[512];
            double sum = 0;
            for (int r = 0; r < tensor.dequantized().rows(); r++) {
                tensor.dequantized().read(r, row, 0);
                for (int i = 0; i < 512; i++) {
                    sum += Math.pow(row[i] - (double) values[r * 512 + i], 2);
                }
            }
            assertThat(tensor.mse()).isEqualTo(sum / values.length).isBetween(0.033, 0.041);
            assertThatThrownBy(() -> PiQuantizedTensor.quantize(WeightRows.of(values, 384), config, null, arena))
                    .hasMessageContaining("columns = 384");
            assertThatThrownBy(() -> PiQuantizedTensor.quantize(WeightRows.of(values, 512), config, new float[6], arena))
                    .hasMessageContaining("importance has 6 values");
        }
    }

    private static float[] stored(String name, float[] values) {
        WeightFormat format = WeightFormats.parse(name);
        MemorySegment blocks = MemorySegment.ofArray(new byte[(int) format.rowBytes(values.length)]);
        float[] stored = new float[values.length];
        format.encode(values, 0, values.length, null, blocks, 0);
        format.decode(blocks, 0, values.length, stored, 0);
        return stored;
    }
}
