package org.setun.formats.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.RawGguf;

/** Random bytes as blocks of every type: no values of a block make its decoding fail or depend on its neighbours. */
class BlocksFuzzTest {

    private static final List<GgmlType> BLOCKS = Dequantizer.supported().stream().filter(type -> type != GgmlType.I2_S).toList();

    /** Random bytes as blocks of every type in a file; a tensor and its blocks one by one decode alike. The first byte picks the type. */
    @FuzzTest(maxDuration = "24h")
    void blocks(byte[] bytes) {
        if (bytes.length == 0) {
            return;
        }
        GgmlType type = BLOCKS.get(Byte.toUnsignedInt(bytes[0]) % BLOCKS.size());
        int count = Math.min((bytes.length - 1) / type.blockBytes(), 64);
        if (count == 0) {
            return;
        }
        byte[] data = Arrays.copyOfRange(bytes, 1, 1 + count * type.blockBytes());
        byte[] head = new RawGguf(1, 0).tensor("t", type.id(), 0, type.blockSize(), count).data(data);
        GgufFile file = GgufFile.of(MemorySegment.ofArray(head), "fuzz.gguf");
        float[] all = file.floats("t");
        float[] block = new float[type.blockSize()];
        for (int b = 0; b < count; b++) {
            Dequantizer.decode(type, file.tensor("t"), (long) b * type.blockBytes(), block.length, block, 0);
            if (!Arrays.equals(all, b * block.length, (b + 1) * block.length, block, 0, block.length)) {
                throw new AssertionError("block " + b + " of " + type + " decodes otherwise alone");
            }
        }
    }
}
