package org.setun.formats.safetensors;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.formats.FormatException;
import org.setun.formats.Hostile;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class SafetensorsFileTest {

    private static final byte[] SMALL = raw(
            "{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
                    + "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]}}",
            11);

    @TempDir
    Path folder;

    private static byte[] raw(String json, int dataBytes) {
        byte[] header = json.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + header.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header).array();
    }

    private static SafetensorsFile parse(byte[] bytes) {
        return SafetensorsFile.of(MemorySegment.ofArray(bytes), "bad.safetensors");
    }

    @Test
    void whatIsWrittenIsReadBack() throws IOException {
        Path path = folder.resolve("m.safetensors");
        new SafetensorsWriter().metadata("step", "12 \"é\"")
                .tensor("bytes", DType.U8, new long[]{3}, MemorySegment.ofArray(new byte[]{1, 2, 3}))
                .tensor("w", DType.F32, new long[]{2, 2}, MemorySegment.ofArray(new float[]{1, 2, 3, Float.NaN}))
                .tensor("scalar", DType.I64, new long[0], MemorySegment.ofArray(new long[]{Long.MIN_VALUE}))
                .tensor("empty", DType.BF16, new long[]{0, 7}, MemorySegment.ofArray(new byte[0]))
                .tensor("half", DType.F16, new long[]{1}, MemorySegment.ofArray(new short[]{0x3800}))
                .write(path);
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.metadata()).containsEntry("step", "12 \"é\"");
            assertThat(file.floats("w")).containsExactly(1, 2, 3, Float.NaN);
            assertThat(file.floats("half")).containsExactly(0.5f);
            assertThat(file.floats("empty")).isEmpty();
            assertThat(file.info("w").shape()).containsExactly(2L, 2L);
            assertThat(file.info("scalar").shape()).isEmpty();
            assertThat(file.tensor("scalar").get(ValueLayout.JAVA_LONG_UNALIGNED, 0)).isEqualTo(Long.MIN_VALUE);
            assertThat(file.tensor("bytes").toArray(ValueLayout.JAVA_BYTE)).containsExactly(1, 2, 3);
            assertThat(file.tensors()).allMatch(tensor -> tensor.offset() % tensor.type().bytes() == 0);
            assertThat(file.find("nope")).isEmpty();
            assertThatExceptionOfType(FormatException.class).isThrownBy(() -> file.floats("bytes")).withMessageContaining("U8");
            assertThatExceptionOfType(FormatException.class).isThrownBy(() -> file.tensor("nope")).withMessageContaining("'nope'");
        }
    }

    @Test
    void everyLengthButTheFullOneIsRefused() {
        assertThat(parse(SMALL).metadata()).containsEntry("k", "v");
        for (int length = 0; length < SMALL.length; length++) {
            byte[] cut = java.util.Arrays.copyOf(SMALL, length);
            assertThatExceptionOfType(FormatException.class).as("length %d", length).isThrownBy(() -> parse(cut))
                    .withMessageStartingWith("bad.safetensors");
        }
    }

    @Property(tries = 20_000)
    void damageIsRefusedOrHarmless(@ForAll long seed) {
        Hostile.check(Hostile.damage(SMALL, new Random(seed)), data -> {
            SafetensorsFile file = SafetensorsFile.of(data, "damaged");
            file.tensors().forEach(tensor -> file.tensor(tensor.name()).byteSize());
        });
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,7]}}                  | 8  | takes 8
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}                  | 8  | lies at
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}                  | 7  | lies at
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}                  | 9  | no tensor
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}                  | 9  | hole of 1
            {"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}                 | 8  | -2
            {"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}                | 8  | VALUE_NUMBER_FLOAT
            {"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}} | 8 | 2^63
            {"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}} | 8 | overflows
            {"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}              | 8  | unsupported dtype 'F8_E4M3'
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}            | 8  | unknown entry 'x'
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}                    | 8  | two data_offsets
            {"a":{"dtype":"F32","shape":[2]}}                                       | 8  | two data_offsets
            {"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}    | 8  | Duplicate
            {"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}} | 7 | overlaps
            {"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}} | 8 | Duplicate
            {"__metadata__":{"a":1}}                                                | 0  | VALUE_STRING
            {"a":[1]}                                                               | 0  | START_OBJECT
            {"a":{"dtype":"U8","shape":[[[[[4]]]]],"data_offsets":[0,4]}}           | 4  | VALUE_NUMBER_INT
            {} {}                                                                   | 0  | goes on after
            [1]                                                                     | 0  | begin with
            {"a"                                                                    | 0  | not valid JSON
            """)
    void faultsAreNamed(String json, int dataBytes, String message) {
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> parse(raw(json, dataBytes)))
                .withMessageStartingWith("bad.safetensors").withMessageContaining(message);
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, 0, 1, 1L << 40, Long.MAX_VALUE})
    void aLyingHeaderLengthIsRefused(long length) {
        byte[] bytes = SMALL.clone();
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> parse(bytes)).withMessageContaining("header length");
    }

    @Test
    void theWriterChecksItsInput() throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter().tensor("w", DType.F32, new long[]{2}, MemorySegment.ofArray(new float[3]));
        assertThatIllegalArgumentException().isThrownBy(() -> writer.tensor("w", DType.F32, new long[]{2}, MemorySegment.NULL));
        assertThatIllegalArgumentException().isThrownBy(() -> writer.tensor("__metadata__", DType.F32, new long[]{2}, MemorySegment.NULL));
        assertThatIllegalArgumentException().isThrownBy(() -> writer.tensor("v", DType.F32, new long[]{-2}, MemorySegment.NULL));
        Path old = Files.writeString(folder.resolve("m.safetensors"), "old");
        assertThatIllegalArgumentException().isThrownBy(() -> writer.write(old)).withMessageContaining("12 bytes");
        assertThat(old).hasContent("old");
    }

    @Test
    void realFilesAreRead() throws IOException {
        // its writer padded the header without counting the padding: 5 bytes too many, which the reference reader refuses too
        Path padded = TestData.require("formats/safetensors/tiny_f32.safetensors");
        assertThatExceptionOfType(FormatException.class).isThrownBy(() -> SafetensorsFile.open(padded)).withMessageContaining("5 bytes");
        try (SafetensorsFile file = SafetensorsFile.open(TestData.require("formats/safetensors/list_i8.safetensors"))) {
            assertThat(file.tensor("attention").toArray(ValueLayout.JAVA_BYTE)).containsExactly(0, 1, 2, 3, 4, 5);
            assertThat(file.info("embedding").shape()).containsExactly(2L, 2L);
        }
        try (SafetensorsFile file = SafetensorsFile.open(TestData.require("formats/safetensors/csm_voices_i64_u8.safetensors"))) {
            assertThat(file.info("tokens").type()).isEqualTo(DType.I64);
            assertThat(file.info("tokens").elements()).isEqualTo(982 * 33);
        }
    }
}
