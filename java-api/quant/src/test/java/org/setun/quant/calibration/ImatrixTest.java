package org.setun.quant.calibration;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.gguf.GgufWriter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Importance matrices on disk, and what becomes of them. */
class ImatrixTest {

    private static final String NAME = "blk.0.ffn_down.weight";

    @TempDir
    Path folder;

    private static Imatrix imatrix(float[] sums, float... counts) {
        return new Imatrix(List.of("a.txt", "b.txt"), 7, 512, Map.of(NAME, new Imatrix.Entry(sums, counts)));
    }

    @Test
    void whatIsWrittenIsRead() throws IOException {
        Path file = folder.resolve("imatrix.gguf");
        imatrix(new float[]{1, 2, 3, 0, 5, 6}, 10, 20).write(file);
        Imatrix read = Imatrix.read(file);
        assertThat(read.datasets()).containsExactly("a.txt", "b.txt");
        assertThat(read.chunkCount()).isEqualTo(7);
        assertThat(read.chunkSize()).isEqualTo(512);
        assertThat(read.entries()).containsOnlyKeys(NAME);
        assertThat(read.entries().get(NAME).sums()).containsExactly(1, 2, 3, 0, 5, 6);
        assertThat(read.entries().get(NAME).counts()).containsExactly(10, 20);
    }

    /** Keys, types, names and shapes are those that llama.cpp's quantize looks for. */
    @Test
    void theFileHasTheLayoutOfLlamaCpp() throws IOException {
        Path path = folder.resolve("imatrix.gguf");
        imatrix(new float[]{1, 2, 3, 0, 5, 6}, 10, 20).write(path);
        try (GgufFile file = GgufFile.open(path)) {
            assertThat(file.metadata().keys()).containsExactlyInAnyOrder("general.type", "imatrix.datasets", "imatrix.chunk_count",
                    "imatrix.chunk_size");
            assertThat(file.metadata().string("general.type")).isEqualTo("imatrix");
            assertThat(file.tensors().stream().map(GgufTensor::name)).containsExactly(NAME + ".in_sum2", NAME + ".counts");
            assertThat(file.info(NAME + ".in_sum2").dims()).containsExactly(3L, 2L); // ne[0] = columns, ne[1] = experts
            assertThat(file.info(NAME + ".counts").dims()).containsExactly(1L, 2L);
            assertThat(file.info(NAME + ".in_sum2").type()).isEqualTo(GgmlType.F32);
        }
    }

    /** llama.cpp drops trailing dimensions of 1, and newer versions add tensors of other names. */
    @Test
    void readsFilesThatDropDimensionsOrSayMore() throws IOException {
        Path path = folder.resolve("imatrix.gguf");
        new GgufWriter().string("general.type", "imatrix")
                .tensor(NAME + ".in_sum2", GgmlType.F32, new long[]{2}, MemorySegment.ofArray(new float[]{4, 12}))
                .tensor(NAME + ".in_sum", GgmlType.F32, new long[]{2}, MemorySegment.ofArray(new float[]{-4, 2}))
                .tensor(NAME + ".counts", GgmlType.F32, new long[]{1}, MemorySegment.ofArray(new float[]{4})).write(path);
        assertThat(Imatrix.read(path).find(NAME, 3, 2).orElseThrow().columns()).containsExactly(0.5f, 1.5f);
    }

    @Test
    void importanceIsTheMeanSquareOverItsMean() {
        Importance importance = imatrix(new float[]{2, 6, 0, 4}, 5).find(NAME, 9, 4).orElseThrow();
        assertThat(importance.columns()).containsExactly(2f / 3, 2f, 1e-6f, 4f / 3);
        assertThat(importance.rows()).isNull();
        assertThat(imatrix(new float[]{2, 6}, 5).find("other", 9, 2)).isEmpty();
    }

    @Test
    void withoutTokensAllColumnsCountTheSame() {
        assertThat(imatrix(new float[]{2, 6}, 0).find(NAME, 1, 2).orElseThrow().columns()).containsExactly(1, 1);
        assertThat(imatrix(new float[]{0, 0}, 3).find(NAME, 1, 2).orElseThrow().columns()).containsExactly(1, 1);
    }

    @Test
    void anotherModelIsRefused() {
        assertThatThrownBy(() -> imatrix(new float[]{2, 6}, 5).find(NAME, 9, 4)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(NAME).hasMessageContaining("another model");
    }

    @Test
    void aFusedSourceIsTheGeometricMean() {
        ImportanceSource columns = (tensor, r, c) -> tensor.equals("x")
                ? Optional.of(new Importance(null, new float[]{0.5f, 1.5f}))
                : Optional.empty();
        ImportanceSource both = (tensor, r, c) -> Optional.of(new Importance(new float[]{1.8f, 0.2f}, new float[]{2, 6}));
        Importance fused = ImportanceSource.fused(List.of(columns, both)).find("x", 2, 2).orElseThrow();
        assertThat(fused.rows()).containsExactly(1.8f, 0.2f);
        assertThat(fused.columns()).containsExactly(0.5f, 1.5f); // sqrt(0.5*2) = 1, sqrt(1.5*6) = 3, mean 2
        assertThat(ImportanceSource.fused(List.of(columns, both)).find("y", 2, 2).orElseThrow().columns()).containsExactly(2, 6);
        assertThat(ImportanceSource.fused(List.of(columns, ImportanceSource.NONE)).find("y", 2, 2)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, -1})
    void valuesThatCannotBeSumsOfSquaresAreRefused(float bad) throws IOException {
        Path path = folder.resolve("imatrix.gguf");
        new GgufWriter().string("general.type", "imatrix")
                .tensor(NAME + ".in_sum2", GgmlType.F32, new long[]{2}, MemorySegment.ofArray(new float[]{4, bad}))
                .tensor(NAME + ".counts", GgmlType.F32, new long[]{1}, MemorySegment.ofArray(new float[]{4})).write(path);
        assertThatThrownBy(() -> Imatrix.read(path)).isInstanceOf(FormatException.class).hasMessageContaining("sums[1]");
    }

    @Test
    void damagedFilesAreRefused() throws IOException {
        assertThatThrownBy(() -> Imatrix.read(write(new GgufWriter("llama")))).isInstanceOf(FormatException.class)
                .hasMessageContaining("general.type");
        GgufWriter lonely = new GgufWriter().string("general.type", "imatrix");
        lonely.tensor("x.in_sum2", GgmlType.F32, new long[]{2}, MemorySegment.ofArray(new float[2]));
        assertThatThrownBy(() -> Imatrix.read(write(lonely))).isInstanceOf(FormatException.class).hasMessageContaining("x.counts");
        GgufWriter countsAlone = new GgufWriter().string("general.type", "imatrix");
        countsAlone.tensor("x.counts", GgmlType.F32, new long[]{1}, MemorySegment.ofArray(new float[1]));
        assertThatThrownBy(() -> Imatrix.read(write(countsAlone))).isInstanceOf(FormatException.class).hasMessageContaining("x.in_sum2");
        lonely.tensor("x.counts", GgmlType.F32, new long[]{3}, MemorySegment.ofArray(new float[3]));
        assertThatThrownBy(() -> Imatrix.read(write(lonely))).isInstanceOf(FormatException.class).hasMessageContaining("one count per row");
    }

    @Test
    void aFailedSaveLeavesTheOldFile() throws IOException {
        Path path = folder.resolve("imatrix.gguf");
        imatrix(new float[]{1}, 1).write(path);
        byte[] before = Files.readAllBytes(path);
        char[] name = new char[64];
        Arrays.fill(name, 'x');
        Imatrix tooLong = new Imatrix(List.of(), 0, 0, Map.of(new String(name), new Imatrix.Entry(new float[1], new float[1])));
        assertThatThrownBy(() -> tooLong.write(path)).isInstanceOf(IllegalArgumentException.class);
        assertThat(Files.readAllBytes(path)).isEqualTo(before);
    }

    private Path write(GgufWriter writer) throws IOException {
        Path path = folder.resolve("damaged.gguf");
        writer.write(path);
        return path;
    }
}
