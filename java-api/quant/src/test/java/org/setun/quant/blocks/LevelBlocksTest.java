package org.setun.quant.blocks;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.QuantLevels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** Every code of every kind of levels, with scales and offsets of any size, comes back as its level. */
class LevelBlocksTest {

    static Stream<Arguments> levels() {
        return Stream.of(
                Arguments.of(QuantLevels.binary(), false, GgmlType.Q1_0), Arguments.of(QuantLevels.binary(), true, GgmlType.Q4_1),
                Arguments.of(QuantLevels.ternary(), false, GgmlType.Q2_0),
                Arguments.of(QuantLevels.stretchedTernary(), false, GgmlType.Q2_0),
                Arguments.of(QuantLevels.signed(2), false, GgmlType.Q2_0), Arguments.of(QuantLevels.stretched2Bit(), false, GgmlType.Q4_1),
                Arguments.of(QuantLevels.signed(3), false, GgmlType.Q4_0), Arguments.of(QuantLevels.signed(4), false, GgmlType.Q4_0),
                Arguments.of(QuantLevels.midRise(4), false, GgmlType.Q4_1), Arguments.of(QuantLevels.signed(4), true, GgmlType.Q4_1),
                Arguments.of(QuantLevels.signed(5), false, GgmlType.Q5_0), Arguments.of(QuantLevels.unsigned(5), true, GgmlType.Q5_1),
                Arguments.of(QuantLevels.signed(7), false, GgmlType.Q8_0), Arguments.of(QuantLevels.symmetric(8), false, GgmlType.Q8_0));
    }

    @ParameterizedTest
    @MethodSource("levels")
    void codesComeBackAsTheirLevels(QuantLevels levels, boolean offsets, GgmlType expected) {
        SplittableRandom random = new SplittableRandom(levels.hashCode());
        for (int parts : new int[]{1, 2, 8}) {
            int columns = 256;
            int rows = 8;
            LevelBlocks blocks = LevelBlocks.of(levels, offsets, columns).orElseThrow();
            assertThat(blocks.type()).isEqualTo(expected);
            float[] scales = new float[parts];
            float[] shifts = new float[offsets ? parts : 0];
            for (int i = 0; i < parts; i++) {
                scales[i] = (float) Math.exp(random.nextDouble(-6, 2));
                if (offsets) {
                    shifts[i] = (float) (scales[i] * random.nextDouble(-2, 2));
                }
            }
            byte[] codes = new byte[rows * columns];
            for (int i = 0; i < codes.length; i++) {
                codes[i] = (byte) (i < levels.count() ? levels.lowest() + i : random.nextInt(levels.lowest(), levels.highest() + 1));
            }
            MemorySegment bytes = blocks.encode(MemorySegment.ofArray(codes), scales, shifts);
            assertThat(bytes.byteSize()).isEqualTo((long) codes.length / blocks.type().blockSize() * blocks.type().blockBytes());
            float[] values = new float[codes.length];
            Dequantizer.decode(blocks.type(), bytes, 0, codes.length, values, 0);
            for (int i = 0; i < codes.length; i++) {
                int part = i / (codes.length / parts);
                float exact = scales[part] * levels.level(codes[i]) + (offsets ? shifts[part] : 0);
                double widest = scales[part] * (Math.abs(levels.level(levels.lowest())) + Math.abs(levels.level(levels.highest())) + 4);
                assertThat((double) values[i]).isCloseTo(exact, within(widest / 2048));
            }
            for (float scale : scales) {
                assertThat(blocks.stepError(scale)).isLessThanOrEqualTo(1.0 / 2048);
            }
        }
    }

    @Test
    void whatNoTypeHoldsIsSaid() {
        assertThat(LevelBlocks.of(QuantLevels.signed(8), false, 256)).as("-128").isEmpty();
        assertThat(LevelBlocks.of(QuantLevels.signed(6), true, 256)).as("an offset and 64 levels").isEmpty();
        assertThat(LevelBlocks.of(QuantLevels.ternary(), false, 48)).as("no block divides the row").isEmpty();
        assertThat(LevelBlocks.of(QuantLevels.ternary(), false, 96).orElseThrow().type()).isEqualTo(GgmlType.Q4_0);
        assertThat(LevelBlocks.of(QuantLevels.symmetric(8), false, 32).orElseThrow().stepError(1e-7f)).as("too small for a half")
                .isGreaterThan(0.01);
        byte[] zeros = new byte[32];
        float[] values = new float[32];
        Arrays.fill(values, 1);
        MemorySegment block = LevelBlocks.of(QuantLevels.signed(4), false, 32).orElseThrow().encode(MemorySegment.ofArray(zeros),
                new float[]{1},
                new float[0]);
        Dequantizer.decode(GgmlType.Q4_0, block, 0, 32, values, 0);
        assertThat(values).containsOnly(0f);
    }
}
