package org.setun.formats.gguf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class DequantizerTest {

    /** The types with golden blocks: all that ggml quantizes to. */
    private static final Set<GgmlType> GOLDEN = EnumSet.of(GgmlType.Q4_0, GgmlType.Q4_1, GgmlType.Q5_0, GgmlType.Q5_1, GgmlType.Q8_0,
            GgmlType.Q2_K, GgmlType.Q3_K, GgmlType.Q4_K, GgmlType.Q5_K, GgmlType.Q6_K, GgmlType.IQ2_XXS, GgmlType.IQ2_XS, GgmlType.IQ2_S,
            GgmlType.IQ3_XXS, GgmlType.IQ3_S, GgmlType.IQ1_S, GgmlType.IQ1_M, GgmlType.IQ4_NL, GgmlType.IQ4_XS, GgmlType.TQ1_0,
            GgmlType.TQ2_0, GgmlType.Q1_0, GgmlType.Q2_0);

    static Set<GgmlType> golden() {
        return GOLDEN;
    }

    @ParameterizedTest
    @MethodSource("golden")
    void equalsGgmlBitForBit(GgmlType type) throws IOException {
        try (SafetensorsFile golden = SafetensorsFile.open(TestData.require("golden/" + type + ".safetensors"))) {
            List<String> compared = new ArrayList<>();
            for (String name : new String[]{"", "_imatrix", "random"}) {
                String blocksName = name.equals("random") ? "random_blocks" : "blocks" + name;
                String valuesName = name.equals("random") ? "random_dequantized" : "dequantized" + name;
                if (golden.tensors().stream().noneMatch(tensor -> tensor.name().equals(blocksName))) {
                    continue; // some types need an importance matrix, some know none
                }
                compared.add(blocksName);
                MemorySegment blocks = golden.tensor(blocksName);
                float[] expected = golden.floats(valuesName);
                assertThat(bits(Dequantizer.floats(type, blocks, expected.length))).as(blocksName).isEqualTo(bits(expected));
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment target = arena.allocate(expected.length * 4L, 4);
                    Dequantizer.decode(type, blocks, target);
                    assertThat(bits(target.toArray(ValueLayout.JAVA_FLOAT))).as(blocksName).isEqualTo(bits(expected));
                }
            }
            assertThat(compared).contains("random_blocks").hasSizeGreaterThan(1);
        }
    }

    @Test
    void allTypesButThoseOfActivationsIntegersAndMicroscalingAreKnown() {
        Set<GgmlType> others = EnumSet.allOf(GgmlType.class);
        others.removeAll(Dequantizer.supported());
        assertThat(others).containsExactlyInAnyOrder(GgmlType.Q8_1, GgmlType.Q8_K, GgmlType.I8, GgmlType.I16, GgmlType.I32, GgmlType.I64,
                GgmlType.F64, GgmlType.MXFP4, GgmlType.NVFP4);
    }

    @Test
    void blocksInTheMiddleOfATensorAreDecodedAlone() {
        SplittableRandom random = new SplittableRandom(3);
        for (GgmlType type : GOLDEN) {
            byte[] bytes = new byte[5 * type.blockBytes()];
            random.nextBytes(bytes);
            float[] all = Dequantizer.floats(type, MemorySegment.ofArray(bytes), 5 * type.blockSize());
            float[] two = new float[2 * type.blockSize() + 3];
            Dequantizer.decode(type, MemorySegment.ofArray(bytes), 2L * type.blockBytes(), 2 * type.blockSize(), two, 3);
            assertThat(bits(Arrays.copyOfRange(two, 3, two.length))).as("%s", type)
                    .isEqualTo(bits(Arrays.copyOfRange(all, 2 * type.blockSize(), 4 * type.blockSize())));
        }
        assertThatIllegalArgumentException().isThrownBy(
                () -> Dequantizer.decode(GgmlType.Q4_K, MemorySegment.ofArray(new byte[144]), 0, 255, new float[256], 0));
        assertThatIllegalArgumentException().isThrownBy(
                () -> Dequantizer.decode(GgmlType.I2_S, MemorySegment.ofArray(new byte[64]), 0, 128, new float[128], 0));
        assertThatThrownBy(() -> Dequantizer.decode(GgmlType.Q4_K, MemorySegment.ofArray(new byte[144]), 144, 256, new float[256], 0))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }

    /** An infinite scale gives the infinity (or, of 0, the NaN) of each value at scale 1; a NaN scale or minimum gives NaN everywhere. */
    @Test
    void scalesThatAreNotFiniteGoThroughTheArithmetic() {
        SplittableRandom random = new SplittableRandom(5);
        for (GgmlType type : GOLDEN) {
            byte[] bytes = new byte[type.blockBytes()];
            random.nextBytes(bytes);
            int min = minimumAt(type);
            if (min >= 0) {
                setHalf(type, bytes, min, 0);
            }
            float[] one = withScale(type, bytes, 0x3C00);
            float[] infinite = withScale(type, bytes, 0x7C00);
            float[] negative = withScale(type, bytes, 0xFC00);
            assertThat(infinite).as("%s", type).containsExactly(times(one, Float.POSITIVE_INFINITY));
            assertThat(negative).as("%s", type).containsExactly(times(one, Float.NEGATIVE_INFINITY));
            for (float value : withScale(type, bytes, 0x7E01)) {
                assertThat(value).as("%s", type).isNaN();
            }
            if (min >= 0) {
                setHalf(type, bytes, min, 0x7E00);
                for (float value : withScale(type, bytes, 0x3C00)) {
                    assertThat(value).as("%s", type).isNaN();
                }
            }
        }
    }

    private static float[] times(float[] values, float factor) {
        float[] products = values.clone();
        for (int i = 0; i < products.length; i++) {
            products[i] *= factor;
        }
        return products;
    }

    private static float[] withScale(GgmlType type, byte[] bytes, int half) {
        setHalf(type, bytes, scaleAt(type), half);
        return Dequantizer.floats(type, MemorySegment.ofArray(bytes), type.blockSize());
    }

    private static int scaleAt(GgmlType type) {
        return switch (type) {
            case Q2_K -> 80;
            case Q3_K, Q6_K, TQ1_0, TQ2_0 -> type.blockBytes() - 2;
            default -> 0;
        };
    }

    private static int minimumAt(GgmlType type) {
        return switch (type) {
            case Q4_1, Q5_1, Q4_K, Q5_K -> 2;
            case Q2_K -> 82;
            default -> -1;
        };
    }

    private static void setHalf(GgmlType type, byte[] bytes, int at, int half) {
        if (type == GgmlType.IQ1_M) {
            for (int i = 0; i < 4; i++) {
                bytes[49 + 2 * i] = (byte) (bytes[49 + 2 * i] & 15 | (half >> 4 * i & 15) << 4);
            }
        } else {
            bytes[at] = (byte) half;
            bytes[at + 1] = (byte) (half >> 8);
        }
    }

    @Test
    void halvesAndBrainFloatsKeepTheirSpecialValues() {
        short[] halves = {0x3C00, (short) 0x8000, 0x7C00, (short) 0xFC00, 0x0001, 0x7E00};
        float[] expected = {1, -0f, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 0x1p-24f, Float.NaN};
        assertThat(Dequantizer.floats(GgmlType.F16, MemorySegment.ofArray(halves), 6)).containsExactly(expected);
        short[] brains = {0x3F80, (short) 0x8000, 0x7F80, (short) 0xFF80, 0x0001, 0x7FC0};
        expected[4] = 0x1p-133f;
        assertThat(Dequantizer.floats(GgmlType.BF16, MemorySegment.ofArray(brains), 6)).containsExactly(expected);
    }

    @Test
    void longTensorsAreDecodedInPieces() {
        byte[] bytes = new byte[34 * 2000];
        for (int b = 0; b < 2000; b++) {
            bytes[34 * b + 1] = 0x3C; // scale 1
            bytes[34 * b + 2] = (byte) (b % 100);
        }
        MemorySegment target = MemorySegment.ofArray(new float[32 * 2000]);
        Dequantizer.decode(GgmlType.Q8_0, MemorySegment.ofArray(bytes), target);
        for (int b = 0; b < 2000; b++) {
            assertThat(target.getAtIndex(ValueLayout.JAVA_FLOAT, 32L * b)).isEqualTo(b % 100);
        }
    }

    @Test
    void wrongSizesAndUnknownTypesAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> Dequantizer.floats(GgmlType.TQ2_0, MemorySegment.ofArray(new byte[65]), 256))
                .withMessageContaining("66");
        assertThatIllegalArgumentException().isThrownBy(() -> Dequantizer.floats(GgmlType.TQ2_0, MemorySegment.ofArray(new byte[66]), 255))
                .withMessageContaining("256");
        assertThatIllegalArgumentException().isThrownBy(() -> Dequantizer.floats(GgmlType.MXFP4, MemorySegment.ofArray(new byte[17]), 32))
                .withMessageContaining("MXFP4");
    }

    private static int[] bits(float[] floats) {
        int[] bits = new int[floats.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(floats[i]);
        }
        return bits;
    }
}
