package org.setun.formats.gguf.blocks;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;

class CodebookTest {

    @Test
    void sizesAndDistinctPoints() {
        assertThat(distinct(Codebook.IQ2_XXS, 8)).isEqualTo(Codebook.IQ2_XXS.size()).isEqualTo(256);
        assertThat(distinct(Codebook.IQ2_XS, 8)).isEqualTo(Codebook.IQ2_XS.size()).isEqualTo(512);
        assertThat(distinct(Codebook.IQ2_S, 8)).isEqualTo(Codebook.IQ2_S.size()).isEqualTo(1024);
        assertThat(distinct(Codebook.IQ3_XXS, 4)).isEqualTo(Codebook.IQ3_XXS.size()).isEqualTo(256);
        assertThat(distinct(Codebook.IQ3_S, 4)).isEqualTo(Codebook.IQ3_S.size()).isEqualTo(512);
        assertThat(distinct(Codebook.IQ1, 8)).isEqualTo(Codebook.IQ1.size()).isEqualTo(2048);
    }

    /** The golden rows name every point of every codebook, so that their bit-exact decoding leaves no point untested. */
    @Test
    void goldenBlocksNameEveryPoint() throws IOException {
        assertThat(named("IQ2_XXS", 66, 32, (b, i) -> b.u8(2 + 8 * (i / 4) + i % 4))).isEqualTo(256);
        assertThat(named("IQ2_XS", 74, 32, (b, i) -> b.u16(2 + 2 * i) & 511)).isEqualTo(512);
        assertThat(named("IQ2_S", 82, 32, (b, i) -> b.u8(2 + i) | (b.u8(66 + i / 4) >> 2 * (i % 4) & 3) << 8)).isEqualTo(1024);
        assertThat(named("IQ3_XXS", 98, 64, (b, i) -> b.u8(2 + i))).isEqualTo(256);
        assertThat(named("IQ3_S", 110, 64, (b, i) -> b.u8(2 + i) | (b.u8(66 + i / 8) >> i % 8 & 1) << 8)).isEqualTo(512);
        assertThat(named("IQ1_S", 50, 32, (b, i) -> b.u8(2 + i) | (b.u16(34 + 2 * (i / 4)) >> 3 * (i % 4) & 7) << 8)).isEqualTo(2048);
        assertThat(named("IQ1_M", 56, 32, (b, i) -> b.u8(i) | (b.u8(32 + i / 2) >> 4 * (i % 2) & 7) << 8)).isEqualTo(2048);
    }

    private static int distinct(Codebook book, int width) {
        Set<List<Float>> points = new HashSet<>();
        for (int i = 0; i < book.size(); i++) {
            float[] point = new float[8];
            book.signed(i, 1, 0, point, 0);
            points.add(List.of(point[0], point[1], point[2], point[3], point[4], point[5], point[6], point[7]));
            assertThat(point[width - 1]).isNotNaN();
        }
        return points.size();
    }

    private record Block(MemorySegment bytes, long at) {
        int u8(int offset) {
            return BlockDecoder.u8(bytes, at + offset);
        }

        int u16(int offset) {
            return Short.toUnsignedInt(BlockDecoder.i16(bytes, at + offset));
        }
    }

    @FunctionalInterface
    private interface PointNumber {
        int of(Block block, int i);
    }

    private static int named(String type, int blockBytes, int points, PointNumber number) throws IOException {
        BitSet seen = new BitSet();
        try (SafetensorsFile golden = SafetensorsFile.open(TestData.require("golden/" + type + ".safetensors"))) {
            MemorySegment blocks = golden.tensor("random_blocks");
            for (long at = 0; at < blocks.byteSize(); at += blockBytes) {
                for (int i = 0; i < points; i++) {
                    seen.set(number.of(new Block(blocks, at), i));
                }
            }
        }
        return seen.cardinality();
    }
}
