package org.setun.inference;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.kernels.Backend;
import org.setun.kernels.BlockFormat;
import org.setun.testsupport.OffHeap;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;

/** Rewritten blocks have the values of the originals, bit for bit, -0 included. */
class TranscoderTest {

    private static final int COLUMNS = 1024;
    /** +-0, denormals, the least normal, one, the largest, infinities and NaN as f16. */
    private static final int[] EDGES = {0, 0x8000, 1, 0x8001, 0x3ff, 0x400, 0x3c00, 0xbc00, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0xfe01};

    private static Transcoder of(GgmlType type) {
        return Objects.requireNonNull(Transcoder.of(type));
    }

    @ParameterizedTest
    @EnumSource(names = {"TQ1_0", "TQ2_0", "Q5_0", "Q1_0", "Q2_0", "IQ4_NL"})
    void goldenBlocksKeepGgmlsValues(GgmlType type) throws IOException {
        try (SafetensorsFile golden = SafetensorsFile.open(TestData.require("golden/" + type + ".safetensors"));
                Arena arena = Arena.ofConfined()) {
            MemorySegment blocks = golden.tensor("blocks");
            assertThat(expanded(type, arena.allocate(blocks.byteSize(), 64).copyFrom(blocks)))
                    .containsExactly(golden.floats("dequantized"));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"TQ1_0", "TQ2_0", "Q5_0", "Q1_0", "Q2_0", "IQ4_NL"})
    void anyBlocksKeepTheirValuesWithAnyScale(GgmlType type) {
        Random random = new Random(7);
        long blocks = 17L * COLUMNS / type.blockSize();
        MemorySegment data = OffHeap.bytes(blocks * type.blockBytes());
        for (long i = 0; i < data.byteSize(); i++) {
            int any = random.nextInt();
            data.set(ValueLayout.JAVA_BYTE, i, (byte) (type == GgmlType.TQ2_0 ? any & ~(any >> 1 & any & 0x55) : any)); // no code 3
        }
        for (int i = 0; i < blocks; i++) {
            int scale = i < 3 * EDGES.length ? EDGES[i % EDGES.length] : random.nextInt();
            data.set(ValueLayout.JAVA_SHORT_UNALIGNED, (long) i * type.blockBytes() + of(type).scaleAt(), (short) scale);
        }
        float[] values = Dequantizer.floats(type, data, 17 * COLUMNS);
        float[] rewritten = expanded(type, data);
        for (int i = 0; i < values.length; i++) {
            assertThat(Float.floatToIntBits(rewritten[i])).as("value %d, %s", i, values[i]).isEqualTo(Float.floatToIntBits(values[i]));
        }
    }

    private static float[] expanded(GgmlType type, MemorySegment blocks) {
        BlockFormat format = of(type).format();
        long rows = blocks.byteSize() / type.bytes(COLUMNS);
        assertThat(rows).isPositive();
        MemorySegment data = OffHeap.bytes(format.bytes(rows, COLUMNS));
        assertThat(of(type).transcode(blocks, data)).isTrue();
        try (Backend backend = TestBackends.open("cpu")) {
            MemorySegment packed = OffHeap.bytes(format.packedBytes(rows, COLUMNS));
            backend.blockPack(format, 0, data, rows, COLUMNS, packed);
            MemorySegment out = OffHeap.floats(rows * COLUMNS);
            backend.blockExpand(format, packed, rows, COLUMNS, 0, rows, out);
            return OffHeap.toFloats(out);
        }
    }

    /** A code that the target has not: refused, not bent. */
    @ParameterizedTest
    @CsvSource({"0", "63"})
    void aCodeThatPiCannotHoldIsRefused(int at) {
        MemorySegment block = OffHeap.bytes(GgmlType.TQ2_0.blockBytes());
        MemorySegment out = OffHeap.bytes(BlockFormat.PI_Q2.blockBytes());
        assertThat(of(GgmlType.TQ2_0).transcode(block, out)).isTrue();
        block.set(ValueLayout.JAVA_BYTE, at, (byte) 0xc0);
        assertThat(of(GgmlType.TQ2_0).transcode(block, out)).isFalse();
    }
}
