package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.kernels.BlockFormat;
import org.setun.testsupport.OffHeap;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;

/** Packed blocks against ggml's own values of its own blocks. */
class BlockWeightsTest {

    private static final int COLUMNS = 1024;

    private final ReferenceBackend backend = new ReferenceBackend();

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.MATCH_ALL, names = "Q.*")
    void quantizedBlocksExpandToGgmlsValues(BlockFormat format) {
        Safetensors golden = new Safetensors(TestData.require("golden/" + format + ".safetensors"));
        expandsTo(format, golden.tensor("blocks"), golden.tensor("dequantized"));
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.MATCH_ALL, names = "Q.*")
    void randomBlocksExpandToGgmlsValues(BlockFormat format) {
        Safetensors golden = new Safetensors(TestData.require("golden/" + format + ".safetensors"));
        expandsTo(format, golden.tensor("random_blocks"), golden.tensor("random_dequantized"));
    }

    private void expandsTo(BlockFormat format, MemorySegment blocks, MemorySegment values) {
        long rows = blocks.byteSize() / format.bytes(1, COLUMNS);
        assertThat(rows).isPositive();
        MemorySegment packed = OffHeap.bytes(format.packedBytes(rows, COLUMNS));
        backend.blockPack(format, 0, blocks, rows, COLUMNS, packed);
        MemorySegment out = OffHeap.floats(rows * COLUMNS);
        backend.blockExpand(format, packed, rows, COLUMNS, 0, rows, out);
        assertThat(OffHeap.toFloats(out)).containsExactly(OffHeap.toFloats(values));
    }
}
