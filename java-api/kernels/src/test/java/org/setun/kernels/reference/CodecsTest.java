package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.TernaryFormat;
import org.setun.testsupport.OffHeap;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** The packed layout and the interchange formats. */
class CodecsTest {

    private final ReferenceBackend backend = new ReferenceBackend();

    /** ggml's own blocks: codes times scales give ggml's dequantized values bit for bit, and encoding gives the blocks back. */
    @ParameterizedTest
    @CsvSource({"TQ2_0, 19", "TQ1_0, 19"})
    void goldenBlocksDecodeAndEncodeExactly(TernaryFormat format, int rows) {
        Safetensors golden = new Safetensors(TestData.require("golden/" + format + ".safetensors"));
        MemorySegment blocks = golden.tensor("blocks");
        MemorySegment codes = OffHeap.bytes(rows * 1024L);
        MemorySegment scales = OffHeap.floats(rows * 4L);
        backend.ternaryDecode(format, blocks, rows, 1024, codes, scales);
        assertThat(OffHeap.toFloats(dequantized(codes, scales))).containsExactly(OffHeap.toFloats(golden.tensor("dequantized")));

        MemorySegment again = OffHeap.bytes(blocks.byteSize());
        backend.ternaryEncode(format, codes, rows, 1024, scales, again);
        assertThat(again.mismatch(blocks)).isEqualTo(-1);
    }

    @Test
    void everyByteOfTq1HasTheTritsThatGgmlReads() {
        Safetensors golden = new Safetensors(TestData.require("golden/TQ1_0.safetensors"));
        MemorySegment codes = OffHeap.bytes(12 * 1024);
        MemorySegment scales = OffHeap.floats(12 * 4);
        backend.ternaryDecode(TernaryFormat.TQ1_0, golden.tensor("random_blocks"), 12, 1024, codes, scales);
        assertThat(OffHeap.toFloats(dequantized(codes, scales))).containsExactly(OffHeap.toFloats(golden.tensor("random_dequantized")));
    }

    private static MemorySegment dequantized(MemorySegment codes, MemorySegment scales) {
        MemorySegment out = OffHeap.floats(codes.byteSize());
        for (long i = 0; i < codes.byteSize(); i++) {
            Segments.f32(out, i, Segments.i8(codes, i) * Segments.f32(scales, i / 256));
        }
        return out;
    }

    @Property(tries = 60)
    void everyFormatRoundTrips(@ForAll TernaryFormat format, @ForAll @IntRange(max = 9) int m, @ForAll @IntRange(max = 3) int blocks,
            @ForAll long seed) {
        int k = blocks * switch (format) {
            case TQ2_0, TQ1_0 -> 256;
            case I2_S -> 128;
            case HF_U8 -> 37;
        };
        SplittableRandom random = new SplittableRandom(seed);
        MemorySegment codes = OffHeap.codes(random, (long) m * k);
        MemorySegment scales = OffHeap.floats(format.scales(m, k));
        for (long i = 0; i < scales.byteSize() / 4; i++) {
            Segments.f32(scales, i, Float.float16ToFloat((short) random.nextInt(1, 0x7c00)));
        }
        MemorySegment data = OffHeap.bytes(format.bytes(m, k)).fill((byte) 0x55);
        MemorySegment codesAgain = OffHeap.bytes(codes.byteSize());
        MemorySegment scalesAgain = OffHeap.bytes(scales.byteSize());
        backend.ternaryEncode(format, codes, m, k, scales, data);
        backend.ternaryDecode(format, data, m, k, codesAgain, scalesAgain);
        assertThat(codesAgain.mismatch(codes)).isEqualTo(-1);
        assertThat(scalesAgain.mismatch(scales)).isEqualTo(-1);
    }

    @Property(tries = 40)
    void packedLayoutRoundTrips(@ForAll @IntRange(max = 5) int m, @ForAll @IntRange(max = 600) int k, @ForAll long seed) {
        MemorySegment codes = OffHeap.codes(new SplittableRandom(seed), (long) m * k);
        MemorySegment packed = OffHeap.bytes((m + 3) / 4 * ((k + 255) / 256 * 256L)).fill((byte) 0xff);
        MemorySegment again = OffHeap.bytes(codes.byteSize());
        backend.ternaryPack(codes, m, k, packed);
        backend.ternaryUnpack(packed, m, k, again);
        assertThat(again.mismatch(codes)).isEqualTo(-1);
    }

    @Test
    void packedPlacesAreThoseOfTheHeader() {
        byte[] codes = new byte[5 * 257];
        codes[64 + 5] = 1; // row 0, block 0, plane 1, byte 5
        codes[3 * 64 + 63] = -1; // row 0, block 0, plane 3, byte 63
        codes[256] = 1; // row 0, block 1, plane 0, byte 0
        codes[2 * 257 + 2] = -1; // row 2, block 0, plane 0, byte 2
        codes[4 * 257] = 1; // row 4 begins the second group
        MemorySegment packed = OffHeap.bytes(1024);
        backend.ternaryPack(OffHeap.of(codes), 5, 257, packed);
        byte[] bytes = OffHeap.toBytes(packed);
        assertThat(bytes[5]).isEqualTo((byte) 0b01_01_10_01);
        assertThat(bytes[63]).isEqualTo((byte) 0b00_01_01_01);
        assertThat(bytes[256]).isEqualTo((byte) 0b01_01_01_10);
        assertThat(bytes[2 * 64 + 2]).isEqualTo((byte) 0b01_01_01_00);
        assertThat(bytes[512]).isEqualTo((byte) 0b01_01_01_10);
        assertThat(bytes[256 + 63]).isEqualTo((byte) 0b01_01_01_01); // padding of a row is code 0
        assertThat(bytes[512 + 64]).isEqualTo((byte) 0b01_01_01_01); // as are the rows that fill a group
    }

    @Test
    void microsoftsFirstGroupSitsInTheTopBitsAndTheScaleInTheTail() {
        byte[] codes = new byte[128];
        codes[0] = 1;
        codes[127] = -1;
        MemorySegment data = OffHeap.bytes(64);
        backend.ternaryEncode(TernaryFormat.I2_S, OffHeap.of(codes), 1, 128, OffHeap.of(0.75f), data);
        assertThat(OffHeap.toBytes(data)[0]).isEqualTo((byte) 0b10_01_01_01);
        assertThat(OffHeap.toBytes(data)[31]).isEqualTo((byte) 0b01_01_01_00);
        assertThat(OffHeap.toFloats(data)[8]).isEqualTo(0.75f);
    }

    @Test
    void huggingFacePacksAlongRowsWithStrideCeilOfAQuarter() {
        byte[] codes = {1, 0, -1, 1, -1}; // m = 5, k = 1: R = 2; byte 0 holds rows 0, 2, 4; byte 1 rows 1, 3
        MemorySegment data = OffHeap.bytes(2);
        backend.ternaryEncode(TernaryFormat.HF_U8, OffHeap.of(codes), 5, 1, null, data);
        assertThat(OffHeap.toBytes(data)).containsExactly(0b00_00_00_10, 0b00_00_10_01);
    }

    @ParameterizedTest
    @EnumSource(names = "TQ1_0", mode = EnumSource.Mode.EXCLUDE)
    void bitPairsOfThreeAreRefusedAndNothingIsWritten(TernaryFormat format) {
        MemorySegment data = OffHeap.bytes(format.bytes(4, 256)).fill((byte) 0b01_01_01_01);
        data.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 20, (byte) 0b01_11_01_01);
        MemorySegment codes = OffHeap.bytes(1024).fill((byte) 9);
        MemorySegment scales = OffHeap.floats(4);
        assertThatThrownBy(() -> backend.ternaryDecode(format, data, 4, 256, codes, scales))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("data").hasMessageContaining(format.name());
        assertThat(OffHeap.toBytes(codes)).containsOnly(9);
    }

    @Test
    void codesThatAreNotTernaryAreRefused() {
        MemorySegment codes = OffHeap.of(new byte[]{0, 1, 2});
        assertThatThrownBy(() -> backend.ternaryPack(codes, 1, 3, OffHeap.bytes(256)))
                .isInstanceOf(IllegalArgumentException.class).hasMessage("codes[2] = 2 must be -1, 0 or 1");
        assertThatThrownBy(() -> backend.ternaryEncode(TernaryFormat.HF_U8, codes, 1, 3, null, OffHeap.bytes(3)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("codes[2] = 2");
    }

    @Test
    void shapesThatAFormatCannotHoldAreRefused() {
        assertThatThrownBy(() -> backend.ternaryEncode(TernaryFormat.TQ2_0, OffHeap.bytes(255), 1, 255, OffHeap.of(1f), OffHeap.bytes(66)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("k = 255").hasMessageContaining("256");
        assertThatThrownBy(() -> backend.ternaryDecode(TernaryFormat.TQ2_0, OffHeap.bytes(67), 1, 256, OffHeap.bytes(256), OffHeap.of(1f)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("67").hasMessageContaining("66");
    }
}
