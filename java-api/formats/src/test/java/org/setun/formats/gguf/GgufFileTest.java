package org.setun.formats.gguf;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.setun.formats.FormatException;
import org.setun.formats.Hostile;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class GgufFileTest {

    private static final byte[] SMALL = small("llama");

    @TempDir
    Path folder;

    private static GgufWriter writer(String architecture) {
        return new GgufWriter(architecture)
                .string("general.name", "tiny ✓")
                .uint32("llama.block_count", 3_000_000_000L)
                .int32("negative", -7)
                .int64("wide", -1L << 40)
                .float32("eps", 1e-5f)
                .bool("yes", true)
                .strings("tokens", List.of("a", "", "ü"))
                .int32s("types", new int[]{1, -2, 3})
                .float32s("scores", new float[]{0.5f, Float.NEGATIVE_INFINITY})
                .tensor("a", GgmlType.F32, new long[]{2, 3}, MemorySegment.ofArray(new float[]{1, 2, 3, 4, 5, 6}))
                .tensor("b", GgmlType.TQ2_0, new long[]{1, 256}, MemorySegment.ofArray(new byte[66]))
                .tensor("c", GgmlType.I8, new long[]{5}, MemorySegment.ofArray(new byte[]{1, 2, 3, 4, 5}));
    }

    private static byte[] small(String architecture) {
        try {
            Path file = Files.createTempFile("small", ".gguf");
            writer(architecture).write(file);
            byte[] bytes = Files.readAllBytes(file);
            Files.delete(file);
            return bytes;
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void whatIsWrittenIsReadBack() throws IOException {
        Path path = folder.resolve("m.gguf");
        writer("llama").write(path);
        try (GgufFile file = GgufFile.open(path)) {
            assertThat(file.version()).isEqualTo(3);
            GgufMetadata metadata = file.metadata();
            assertThat(metadata.architecture()).isEqualTo("llama");
            assertThat(metadata.string("general.name")).isEqualTo("tiny ✓");
            assertThat(metadata.integer("llama.block_count")).isEqualTo(3_000_000_000L);
            assertThat(metadata.integer("negative")).isEqualTo(-7);
            assertThat(metadata.integer("wide")).isEqualTo(-1L << 40);
            assertThat(metadata.number("eps")).isEqualTo(1e-5f);
            assertThat(metadata.bool("yes")).isTrue();
            assertThat(metadata.strings("tokens")).containsExactly("a", "", "ü");
            assertThat(metadata.integers("types")).containsExactly(1, -2, 3);
            assertThat(metadata.numbers("scores")).containsExactly(0.5f, Float.NEGATIVE_INFINITY);
            assertThat(file.tensors()).extracting(GgufTensor::name).containsExactly("a", "b", "c");
            assertThat(file.info("a").shape()).containsExactly(2, 3);
            assertThat(file.info("a").dims()).containsExactly(3L, 2L);
            assertThat(file.floats("a")).containsExactly(1, 2, 3, 4, 5, 6);
            assertThat(file.tensor("c").toArray(ValueLayout.JAVA_BYTE)).containsExactly(1, 2, 3, 4, 5);
            assertThat(file.tensors()).allMatch(tensor -> tensor.offset() % 32 == 0);
        }
    }

    @Test
    void everyLengthButTheFullOneIsRefused() {
        int end = Math.toIntExact(GgufFile.of(MemorySegment.ofArray(SMALL), "full").info("c").offset() + 5);
        for (int length = 0; length < end; length++) {
            MemorySegment cut = MemorySegment.ofArray(SMALL).asSlice(0, length);
            assertThatExceptionOfType(FormatException.class).as("length %d", length).isThrownBy(() -> GgufFile.of(cut, "cut.gguf"))
                    .withMessageContaining("cut.gguf");
        }
    }

    @Property(tries = 20_000)
    void damageIsRefusedOrHarmless(@ForAll long seed) {
        byte[] damaged = Hostile.damage(SMALL, new Random(seed));
        Hostile.check(damaged, data -> {
            GgufFile file = GgufFile.of(data, "damaged.gguf");
            for (GgufTensor tensor : file.tensors()) {
                file.tensor(tensor.name());
                if (Dequantizer.supports(tensor.type())) {
                    file.floats(tensor.name());
                }
            }
        });
    }

    @Test
    void faultsOfTheHeaderAreNamed() {
        refused(new byte[23], "24");
        refused(new RawGguf(0x46475547, 3, 0, 0).data(0), "not GGUF");
        refused(new RawGguf(GgufParser.MAGIC, 0x03000000, 0, 0).data(0), "big-endian");
        refused(new RawGguf(GgufParser.MAGIC, 1, 0, 0).data(0), "versions 2 and 3");
        refused(new RawGguf(Long.MAX_VALUE, 0).data(0), "tensor count");
        refused(new RawGguf(-1, 0).data(0), "tensor count");
        refused(new RawGguf(0, 1L << 40).data(64), "metadata count");
    }

    @Test
    void faultsOfTheMetadataAreNamed() {
        refused(new RawGguf(0, 1).i64(-1).data(64), "metadata key length");
        refused(new RawGguf(0, 1).i64(1L << 32).data(64), "metadata key length");
        refused(new RawGguf(0, 1).string("").i32(4).i32(0).data(64), "allowed is 1 to 65535");
        refused(new RawGguf(0, 1).i64(2).i8(0xC3).i8(0x28).data(64), "UTF-8");
        refused(new RawGguf(0, 1).string("k").i32(13).data(64), "metadata key 'k': has the unknown value type 13");
        refused(new RawGguf(0, 1).string("k").i32(7).i8(2).data(64), "boolean of value 2");
        refused(new RawGguf(0, 1).string("k").i32(10).i64(-1).data(64), "18446744073709551615");
        refused(new RawGguf(0, 1).string("k").i32(9).i32(9).i64(1).data(64), "array of arrays");
        refused(new RawGguf(0, 1).string("k").i32(9).i32(4).i64(1L << 31).data(64), "'k' length");
        refused(new RawGguf(0, 1).string("k").i32(9).i32(8).i64(99).data(64), "'k' length");
        refused(new RawGguf(0, 1).string("k").i32(8).i64(1 << 20).data(64), "'k' length");
        refused(new RawGguf(0, 2).string("k").i32(4).i32(1).string("k").i32(4).i32(2).data(64), "'k': appears twice");
        refused(new RawGguf(0, 1).string("general.alignment").i32(4).i32(48).data(64), "power of two");
        refused(new RawGguf(0, 1).string("general.alignment").i32(4).i32(0).data(64), "power of two");
        refused(new RawGguf(0, 1).string("general.alignment").i32(7).i8(1).data(64), "power of two");
    }

    @Test
    void faultsOfTensorsAreNamed() {
        int f32 = 0;
        refused(new RawGguf(1, 0).tensor("t", f32, 0).data(64), "0 dimensions");
        refused(new RawGguf(1, 0).tensor("t", f32, 0, 1, 1, 1, 1, 1).data(64), "5 dimensions");
        refused(new RawGguf(1, 0).tensor("t", f32, 0, 2, 0).data(64), "dimension 1 is 0");
        refused(new RawGguf(1, 0).tensor("t", f32, 0, -1).data(64), "dimension 0 is 18446744073709551615");
        refused(new RawGguf(1, 0).tensor("t", f32, 0, 1L << 32, 1L << 31).data(64), "dimension 1");
        refused(new RawGguf(1, 0).tensor("t", f32, 0, 1L << 62).data(64), "more than the whole file");
        refused(new RawGguf(1, 0).tensor("t", 31, 0, 4).data(64), "retired type 31");
        refused(new RawGguf(1, 0).tensor("t", 777, 0, 4).data(64), "type 777");
        refused(new RawGguf(1, 0).tensor("t", GgmlType.Q4_0.id(), 0, 48).data(64), "blocks of 32");
        refused(new RawGguf(1, 0).tensor("t", f32, 8, 4).data(64), "alignment 32");
        refused(new RawGguf(1, 0).tensor("t", f32, -32, 4).data(64), "alignment 32");
        refused(new RawGguf(1, 0).tensor("t", f32, 64, 4).data(64), "beyond");
        refused(new RawGguf(1, 0).tensor("t", f32, 1L << 62, 4).data(64), "beyond");
        refused(new RawGguf(2, 0).tensor("t", f32, 0, 4).tensor("t", f32, 32, 4).data(64), "'t': appears twice");
        refused(new RawGguf(2, 0).tensor("t", f32, 0, 9).tensor("u", f32, 32, 4).data(64), "'u': overlaps tensor 't'");
        byte[] sound = new RawGguf(GgufParser.MAGIC, 2, 2, 0).tensor("t", f32, 32, 4).tensor("u", f32, 0, 8).data(48);
        assertThat(GgufFile.of(MemorySegment.ofArray(sound), "sound.gguf").tensors()).hasSize(2);
    }

    @Test
    void countsBeyondTheirLimitAreRefusedEvenIfTheFileHasRoom() {
        refused(Arrays.copyOf(new RawGguf(10_001, 0).data(0), 1 << 20), "tensor count: is 10001");
        refused(Arrays.copyOf(new RawGguf(0, 10_001).data(0), 1 << 20), "metadata count: is 10001");
    }

    /** Of every type: a byte too few, rows that are no whole blocks, products and offsets that overflow, and tensors that overlap by a byte. */
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "I2_S")
    void lyingBlockCountsAreRefused(GgmlType type) {
        int block = type.blockSize();
        int bytes = 3 * type.blockBytes();
        byte[] sound = new RawGguf(1, 0).tensor("t", type.id(), 0, 3 * block).data(bytes);
        assertThat(GgufFile.of(MemorySegment.ofArray(sound), "sound.gguf").info("t").bytes()).isEqualTo(bytes);
        refused(Arrays.copyOf(sound, sound.length - 1), "beyond");
        refused(new RawGguf(1, 0).tensor("t", type.id(), 0, block, 4).data(bytes), "'t'");
        if (block > 1) {
            refused(new RawGguf(1, 0).tensor("t", type.id(), 0, block + 1).data(bytes), "blocks of " + block);
            refused(new RawGguf(1, 0).tensor("t", type.id(), 0, block / 2, 2).data(bytes), "blocks of " + block);
        }
        refused(new RawGguf(1, 0).tensor("t", type.id(), 0, block, Long.MAX_VALUE / block).data(bytes), "more than the whole file");
        refused(new RawGguf(1, 0).tensor("t", type.id(), 0, block, Long.MAX_VALUE / block, 2).data(bytes), "dimension 2");
        refused(new RawGguf(1, 0).tensor("t", type.id(), Long.MAX_VALUE - 31, block).data(bytes), "beyond");
        refused(new RawGguf(1, 0).tensor("t", type.id(), Long.MIN_VALUE, block).data(bytes), "offset");
        int many = Math.ceilDiv(40, type.blockBytes());
        int end = many * type.blockBytes();
        refused(new RawGguf(2, 0).tensor("t", type.id(), 0, block, many).tensor("u", type.id(), (end - 1) / 32 * 32, block).data(1024),
                "'u': overlaps tensor 't'");
    }

    @Test
    void scalesThatAreNoNumbersGiveValuesThatAreNone() {
        byte[] block = new byte[GgmlType.Q4_K.blockBytes()];
        Arrays.fill(block, (byte) 0x7E); // 0x7E7E is a NaN
        byte[] bytes = new RawGguf(1, 0).tensor("t", GgmlType.Q4_K.id(), 0, 256).data(block);
        assertThat(GgufFile.of(MemorySegment.ofArray(bytes), "nan.gguf").floats("t")).containsOnly(Float.NaN);
    }

    @Test
    void aLargerAlignmentIsHonoured() {
        byte[] bytes = new RawGguf(1, 1).string("general.alignment").i32(4).i32(128).tensor("t", 0, 0, 1).data(64);
        GgufFile file = GgufFile.of(MemorySegment.ofArray(bytes), "aligned.gguf");
        assertThat(file.info("t").offset()).isEqualTo(128);
    }

    @Test
    void metadataBeyondItsLimitIsRefusedBeforeItIsRead() {
        int length = (100 << 20) + 1;
        byte[] head = new RawGguf(0, 1).string("k").i32(8).i64(length).data(0);
        byte[] bytes = Arrays.copyOf(head, length + 64);
        refused(bytes, "'k' length");
    }

    @Test
    void i2sExistsOnlyInTheForkThatDefinesIt() throws IOException {
        Path path = folder.resolve("i2s.gguf");
        float[] scale = {0.25f, 0, 0, 0, 0, 0, 0, 0};
        byte[] codes = new byte[32];
        codes[0] = (byte) 0b10_01_00_10;
        byte[] bytes = new byte[64];
        System.arraycopy(codes, 0, bytes, 0, 32);
        MemorySegment.copy(MemorySegment.ofArray(scale), 0, MemorySegment.ofArray(bytes), 32, 32);
        new GgufWriter("bitnet-b1.58").tensor("w", GgmlType.I2_S, new long[]{1, 128}, MemorySegment.ofArray(bytes)).write(path);
        try (GgufFile file = GgufFile.open(path)) {
            float[] w = file.floats("w");
            assertThat(new float[]{w[0], w[32], w[64], w[96], w[1]}).containsExactly(0.25f, 0f, -0.25f, 0.25f, -0.25f);
        }
        new GgufWriter("llama").tensor("w", GgmlType.I2_S, new long[]{1, 128}, MemorySegment.ofArray(bytes)).write(path);
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> GgufFile.open(path)).withMessageContaining("I2_S only in");
    }

    @Test
    void gettersNameTheKeyAndTheKind() {
        GgufMetadata metadata = GgufFile.of(MemorySegment.ofArray(SMALL), "s.gguf").metadata();
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> metadata.string("nope"))
                .withMessage("s.gguf, metadata key 'nope': is missing");
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> metadata.integer("eps")).withMessageContaining("not an integer");
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> metadata.strings("types"))
                .withMessageContaining("array of strings");
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> metadata.integer("negative", 0, 10))
                .withMessageContaining("0 to 10");
        assertThat(metadata.number("nope", 2f)).isEqualTo(2f);
    }

    @Test
    void aTypeThatCannotBeDequantizedIsRefusedByName() throws IOException {
        Path path = folder.resolve("k.gguf");
        new GgufWriter("llama").tensor("w", GgmlType.MXFP4, new long[]{32}, MemorySegment.ofArray(new byte[17])).write(path);
        try (GgufFile file = GgufFile.open(path)) {
            assertThatExceptionOfType(FormatException.class).isThrownBy(() -> file.floats("w")).withMessageContaining("MXFP4");
        }
    }

    @Test
    void theWriterChecksItsInput() {
        GgufWriter writer = new GgufWriter("llama");
        assertThatIllegalArgumentException().isThrownBy(() -> writer.tensor("w", GgmlType.TQ2_0, new long[]{4, 100}, MemorySegment.NULL))
                .withMessageContaining("multiple of 256");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> writer.tensor("w".repeat(64), GgmlType.F32, new long[]{4}, MemorySegment.NULL));
        assertThatIllegalArgumentException().isThrownBy(() -> writer.tensor("w", GgmlType.F32, new long[]{0}, MemorySegment.NULL));
        Path path = folder.resolve("x.gguf");
        writer.tensor("w", GgmlType.F32, new long[]{4}, MemorySegment.ofArray(new float[3]));
        assertThatIllegalArgumentException().isThrownBy(() -> writer.write(path)).withMessageContaining("16");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void realFilesAreRead() throws IOException {
        try (GgufFile file = GgufFile.open(TestData.require("formats/gguf-vocab/ggml-vocab-gpt-2.gguf"))) {
            assertThat(file.metadata().strings("tokenizer.ggml.tokens")).hasSize(50257);
            assertThat(file.tensors()).isEmpty();
        }
        try (GgufFile file = GgufFile.open(TestData.require("golden-models/llama-Q4_K.gguf"))) {
            assertThat(file.info("blk.0.attn_q.weight").type()).isEqualTo(GgmlType.Q4_K);
            assertThat(file.floats("blk.0.attn_q.weight")).hasSize(256 * 256);
        }
        Path headOnly = TestData.require("formats/misc/tiny.gguf");
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> GgufFile.open(headOnly)).withMessageContaining("test.weight.0");
        Path onnx = TestData.require("formats/misc/mnist.onnx");
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> GgufFile.open(onnx)).withMessageContaining("not GGUF");
    }

    private static void refused(byte[] bytes, String message) {
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> GgufFile.of(MemorySegment.ofArray(bytes), "bad.gguf"))
                .withMessageStartingWith("bad.gguf, byte ").withMessageContaining(message);
    }
}
