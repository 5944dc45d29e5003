package org.setun.quant.ptq;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufWriter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Files whose arrays contradict each other or the tensors. The format here is f16, stored as if GGUF had no type for it. */
class SetunGgufTest {

    @TempDir
    private Path folder;

    private GgufWriter good() {
        GgufWriter writer = new GgufWriter("setun-llama");
        writer.uint32(SetunGguf.VERSION_KEY, 1).strings(SetunGguf.NAMES, List.of("a", "b"))
                .strings(SetunGguf.FORMATS, List.of("f16", "bf16"))
                .int64s(SetunGguf.COLUMNS, new long[]{8, 4}).strings(SetunGguf.ROTATED_NAMES, List.of("b", "c"))
                .int64s(SetunGguf.ROTATED_SEEDS, new long[]{-7, 5})
                .strings(SetunGguf.ROTATED_METHODS, List.of("hadamard/1/2^1/2^2", "orthogonal/1/2/2"));
        writer.tensor("a", GgmlType.I8, new long[]{3, 16}, MemorySegment.ofArray(new byte[48]));
        writer.tensor("b", GgmlType.I8, new long[]{2, 8}, MemorySegment.ofArray(new byte[16]));
        writer.tensor("c", GgmlType.F32, new long[]{2, 2}, MemorySegment.ofArray(new float[4]));
        return writer;
    }

    private SetunGguf read(GgufWriter writer) throws IOException {
        Path file = folder.resolve("file.gguf");
        writer.write(file);
        return SetunGguf.of(GgufFile.of(MemorySegment.ofArray(Files.readAllBytes(file)), "file.gguf"));
    }

    @Test
    void whatIsWrittenIsRead() throws IOException {
        SetunGguf file = read(good());
        assertThat(file.architecture()).isEqualTo("llama");
        assertThat(file.find("a").orElseThrow().shape()).containsExactly(3, 8);
        assertThat(file.find("a").orElseThrow().format().orElseThrow().name()).isEqualTo("f16");
        assertThat(file.find("a").orElseThrow().rotation()).isEmpty();
        assertThat(file.find("b").orElseThrow().rotation()).contains(new StoredRotation("hadamard/1/2^1/2^2", -7));
        assertThat(file.find("c").orElseThrow().rotation()).contains(new StoredRotation("orthogonal/1/2/2", 5));
        assertThat(file.find("c").orElseThrow().format()).isEmpty();
        assertThat(file.find("d")).isEmpty();
    }

    private void assertRefused(Consumer<GgufWriter> change, String... parts) {
        GgufWriter writer = good();
        change.accept(writer);
        assertThatThrownBy(() -> read(writer)).isInstanceOf(FormatException.class).hasMessageContainingAll(parts);
    }

    @Test
    void contradictionsAreRefused() {
        assertRefused(w -> w.uint32(SetunGguf.VERSION_KEY, 2), "format_version", "2");
        assertRefused(w -> w.string("general.architecture", "llama"), "setun-*");
        assertRefused(w -> w.strings(SetunGguf.NAMES, List.of("a")), SetunGguf.FORMATS);
        assertRefused(w -> w.strings(SetunGguf.NAMES, List.of("a", "a")).int64s(SetunGguf.COLUMNS, new long[]{8, 8}), "twice");
        assertRefused(w -> w.strings(SetunGguf.NAMES, List.of("a", "x")), "'x'", "missing");
        assertRefused(w -> w.strings(SetunGguf.NAMES, List.of("a", "c")), "'c'", "I8");
        assertRefused(w -> w.strings(SetunGguf.NAMES, List.of("a")).strings(SetunGguf.FORMATS, List.of("f16")).int64s(SetunGguf.COLUMNS,
                new long[]{8}), "'b'", "does not have it");
        assertRefused(w -> w.strings(SetunGguf.FORMATS, List.of("f16", "q99")), "q99");
        assertRefused(w -> w.strings(SetunGguf.FORMATS, List.of("f16:k=1", "f16")), "no parameter k");
        assertRefused(w -> w.strings(SetunGguf.FORMATS, List.of("pi-tan3", "bf16")), "'pi-tan3'", "leaves out", "quantize the model again");
        for (long columns : new long[]{0, -8, 7, 16, Long.MAX_VALUE, Long.MIN_VALUE, 1L << 32}) {
            assertRefused(w -> w.int64s(SetunGguf.COLUMNS, new long[]{columns, 4}), "'a'", String.valueOf(columns));
        }
        assertRefused(w -> w.int64s(SetunGguf.ROTATED_SEEDS, new long[]{1}), SetunGguf.ROTATED_SEEDS);
        assertRefused(w -> w.strings(SetunGguf.ROTATED_METHODS, List.of("none", "hadamard")), "'none'");
        assertRefused(w -> w.strings(SetunGguf.ROTATED_NAMES, List.of("b", "b")), "twice");
        assertRefused(w -> w.strings(SetunGguf.ROTATED_NAMES, List.of("b", "x")), "'x'");
        assertRefused(w -> w.uint32(SetunGguf.COLUMNS, 8), "array of integers");
    }

    @Test
    void damageIsRefusedOrHarmless() throws IOException {
        Path path = folder.resolve("good.gguf");
        good().write(path);
        byte[] good = Files.readAllBytes(path);
        Random random = new Random(3);
        int refused = 0;
        for (int i = 0; i < 4000; i++) {
            byte[] bad = good.clone();
            for (int flips = random.nextInt(3); flips >= 0; flips--) {
                bad[random.nextInt(bad.length)] = (byte) random.nextInt();
            }
            try {
                GgufFile file = GgufFile.of(MemorySegment.ofArray(bad), "bad.gguf");
                SetunGguf.of(file);
                Integrity.verify(file);
            } catch (FormatException expected) {
                refused++;
            }
        }
        assertThat(refused).isGreaterThan(1000);
    }
}
