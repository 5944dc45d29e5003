package org.setun.inference;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgmlType;
import org.setun.kernels.Backend;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Files whose parts contradict each other, or that were damaged. */
class HostileModelTest {

    @TempDir
    private Path folder;
    private final Backend backend = new ReferenceBackend();

    @AfterEach
    void close() {
        backend.close();
    }

    private static Path good() {
        return TestData.require("golden-models/bitnet-TQ2_0.gguf");
    }

    private void load(Path file) throws IOException {
        InferenceModel.open(file, backend, Activations.INT8).close();
    }

    private void assertRefused(String architecture, Map<String, Object> changes, GgufRewriter.TensorWriter tensors, String... parts)
            throws IOException {
        Path file = folder.resolve("bad.gguf");
        GgufRewriter.write(good(), file, architecture, changes, tensors);
        assertThatThrownBy(() -> load(file)).isInstanceOf(FormatException.class).hasMessageContaining("bad.gguf")
                .hasMessageContainingAll(parts);
    }

    @ParameterizedTest
    @CsvSource({
            "attention.head_count, 3, head_count", "attention.head_count, 0, allowed is 1", "attention.head_count_kv, 3, does not divide",
            "attention.head_count, 8, rope.dimension_count", "attention.head_count_kv, 4, attn_k.weight", "block_count, 3, blk.2",
            "block_count, 1, no place", "block_count, 0, allowed is 1", "embedding_length, 128, rope.dimension_count",
            "embedding_length, 1048576, rope.dimension_count",
            "embedding_length, 2000000000, allowed is 1", "feed_forward_length, 256, ffn_gate", "feed_forward_length, 16777216, ffn_gate",
            "context_length, 0, allowed is 1", "rope.dimension_count, 32, not supported", "attention.key_length, 63, rotary pairs",
            "attention.key_length, 65536, rope.dimension_count", "attention.value_length, 32, not supported"})
    void sizesMustFitTheTensors(String key, int value, String part) throws IOException {
        assertRefused("bitnet", Map.of(key, value), GgufRewriter::copy, part);
    }

    @Test
    void noMemoryIsTakenOnTheWordOfTheMetadata() throws IOException {
        Map<String, Object> huge = Map.of("embedding_length", 1 << 20, "attention.head_count", 1 << 14, "feed_forward_length", 1 << 24);
        assertRefused("bitnet", huge, GgufRewriter::copy, "token_embd.weight", "1048576");
    }

    @Test
    void numbersMustMakeSense() throws IOException {
        for (float value : new float[]{0, -1e-5f, Float.NaN, Float.POSITIVE_INFINITY}) {
            assertRefused("bitnet", Map.of("attention.layer_norm_rms_epsilon", value), GgufRewriter::copy, "layer_norm_rms_epsilon");
            assertRefused("bitnet", Map.of("rope.freq_base", value), GgufRewriter::copy, "rope.freq_base");
        }
        assertRefused("bitnet", Map.of("attention.layer_norm_rms_epsilon", ""), GgufRewriter::copy, "is missing");
        assertRefused("bitnet", Map.of("rope.scaling.type", "yarn"), GgufRewriter::copy, "scaled rotary");
        assertRefused("bitnet", Map.of("rope.scaling.factor", 2f), GgufRewriter::copy, "scaled rotary");
        assertRefused("bitnet", Map.of("hidden_activation", "gelu"), GgufRewriter::copy, "gelu");
        assertRefused("gpt2", Map.of(), GgufRewriter::copy, "gpt2", "bitnet-b1.58");
        assertRefused("llama", Map.of(), GgufRewriter::copy, "sub_norm", "no place");
        assertRefused("qwen3", Map.of(), GgufRewriter::copy, "attn_q_norm");
    }

    @Test
    void tensorsMustBeThoseOfTheArchitecture() throws IOException {
        assertRefused("bitnet", Map.of(), (writer, info, data) -> {
            if (!info.name().equals("blk.1.ffn_up.weight")) {
                GgufRewriter.copy(writer, info, data);
            }
        }, "blk.1.ffn_up.weight", "is missing");
        assertRefused("bitnet", Map.of(), (writer, info, data) -> {
            GgufRewriter.copy(writer, info, data);
            if (info.name().equals("output_norm.weight")) {
                writer.tensor("blk.0.attn_q.scale", GgmlType.F32, new long[]{1}, MemorySegment.ofArray(new float[]{Float.NaN}));
            }
        }, "blk.0.attn_q.scale", "finite");
        assertRefused("bitnet", Map.of(), (writer, info, data) -> {
            byte[] bytes = data.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
            if (info.type() == GgmlType.TQ2_0) {
                Arrays.fill(bytes, 0, 64, (byte) -1); // codes of 3, which is no ternary value
            }
            writer.tensor(info.name(), info.type(), info.shape(), MemorySegment.ofArray(bytes));
        }, "tensor");
    }

    @Test
    void theVocabularyMustFitTheEmbedding() throws IOException {
        assertRefused("bitnet", Map.of(), (writer, info, data) -> {
            if (info.name().equals("token_embd.weight")) {
                writer.tensor(info.name(), info.type(), new long[]{511, 256}, data.asSlice(0, 511 * 512));
            } else {
                GgufRewriter.copy(writer, info, data);
            }
        }, "512 tokens", "511");
    }

    @Test
    void damagedBytesAreRefusedOrChangeOnlyNumbers() throws IOException {
        byte[] bytes = Files.readAllBytes(good());
        Random random = new Random(17);
        Path file = folder.resolve("damaged.gguf");
        int refused = 0;
        for (int i = 0; i < 120; i++) {
            byte[] damaged = i % 4 == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length)) : bytes.clone();
            for (int flips = 0; flips < 3 && damaged.length > 0; flips++) {
                damaged[random.nextInt(Math.min(damaged.length, 16_000))] ^= (byte) (1 << random.nextInt(8));
            }
            Files.write(file, damaged);
            try {
                load(file);
            } catch (FormatException e) {
                refused++;
            }
        }
        assertThat(refused).isGreaterThan(30);
    }

    @Test
    void theUnchangedRewriteLoads() throws IOException {
        Path file = folder.resolve("same.gguf");
        GgufRewriter.write(good(), file, "bitnet", Map.of(), GgufRewriter::copy);
        assertThatCode(() -> load(file)).doesNotThrowAnyException();
    }
}
