package org.setun.quant.format;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class WeightFormatsTest {

    @ParameterizedTest
    @MethodSource("org.setun.quant.format.WeightFormats#names")
    void everyNameParsesAndReturnsItself(String name) {
        WeightFormat format = WeightFormats.parse(name);
        assertThat(format.name()).startsWith(name);
        assertThat(WeightFormats.parse(format.name()).name()).isEqualTo(format.name());
        assertThat(format.blockSize() % format.groupSize()).isZero();
        assertThatThrownBy(() -> format.rowBytes(format.blockSize() == 1 ? -1 : format.blockSize() + 1))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("columns");
    }

    @ParameterizedTest
    @MethodSource("org.setun.quant.format.WeightFormats#names")
    void whatARounderSaysIsWhatIsDecoded(String name) {
        WeightFormat format = WeightFormats.parse(name);
        SplittableRandom random = new SplittableRandom(7);
        float[] values = new float[Math.max(format.blockSize(), 8)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment block = arena.allocate(format.blockBytes());
            BlockRounder rounder = format.newRounder();
            float[] said = new float[format.blockSize()];
            rounder.fit(values, 0, null);
            for (int i = 0; i < format.blockSize(); i += format.groupSize()) {
                rounder.round(i, values, i, said, i);
            }
            rounder.write(block, 0);
            float[] decoded = new float[format.blockSize()];
            format.decode(block, 0, format.blockSize(), decoded, 0);
            assertThat(decoded).containsExactly(said);
            MemorySegment encoded = arena.allocate(format.blockBytes());
            format.encode(values, 0, format.blockSize(), null, encoded, 0);
            assertThat(encoded.mismatch(block)).isEqualTo(-1);
        }
    }

    @ParameterizedTest
    @MethodSource("org.setun.quant.format.WeightFormats#names")
    void nanAndInfinityAreRefused(String name) {
        WeightFormat format = WeightFormats.parse(name);
        for (float bad : new float[]{Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            float[] values = new float[format.blockSize()];
            Arrays.fill(values, 1);
            values[format.blockSize() / 2] = bad;
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment block = arena.allocate(format.blockBytes());
                assertThatThrownBy(() -> format.encode(values, 0, values.length, null, block, 0))
                        .isInstanceOf(IllegalArgumentException.class);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"f33", "f16:k=4", "f16:k", "f16:=1", "f16:k=1,k=2", ""})
    void wrongNamesAreRefused(String text) {
        assertThatThrownBy(() -> WeightFormats.parse(text)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("format = ");
    }

    @Test
    void halvesRoundToEvenAndRefuseWhatTheyCannotHold() {
        float[] values = {1 + 0x1p-11f, 1 + 3 * 0x1p-11f, 65504};
        MemorySegment blocks = MemorySegment.ofArray(new byte[6]);
        WeightFormat half = WeightFormats.parse("f16");
        half.encode(values, 0, 3, null, blocks, 0);
        float[] decoded = new float[3];
        half.decode(blocks, 0, 3, decoded, 0);
        assertThat(decoded).containsExactly(1, 1 + 4 * 0x1p-11f, 65504);
        assertThatThrownBy(() -> half.encode(new float[]{65520}, 0, 1, null, blocks, 0)).hasMessageContaining("store it as F32");
    }
}
