package org.setun.formats.gguf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class DequantizerTest {

    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "TQ1_0", "TQ2_0", "Q1_0", "Q2_0"})
    void equalsGgmlBitForBit(GgmlType type) throws IOException {
        try (SafetensorsFile golden = SafetensorsFile.open(TestData.require("golden/" + type + ".safetensors"))) {
            for (String prefix : new String[]{"", "random_"}) {
                MemorySegment blocks = golden.tensor(prefix + "blocks");
                float[] expected = golden.floats(prefix + "dequantized");
                assertThat(bits(Dequantizer.floats(type, blocks, expected.length))).isEqualTo(bits(expected));
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment target = arena.allocate(expected.length * 4L, 4);
                    Dequantizer.decode(type, blocks, target);
                    assertThat(bits(target.toArray(ValueLayout.JAVA_FLOAT))).isEqualTo(bits(expected));
                }
            }
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
