package org.setun.quant.model;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.gguf.GgufWriter;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.Workspace;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.nn.Decoder;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Model files as decoders; the logits of the GGUF architectures are in GoldenDecoderTest. */
class ModelFileTest {

    @TempDir
    Path folder;

    private final ReferenceBackend backend = new ReferenceBackend();
    private final MemoryPool pool = MemoryPool.builder(backend).slabBytes(1 << 20).build();

    @AfterEach
    void close() {
        pool.close();
        backend.close();
    }

    /** stories260K continues as llama2.c does, greedily, in its three versions (the last rounds to 8 bits: a shorter stretch agrees). */
    @Test
    void llama2cFilesComputeTheSameModel() throws IOException {
        String expected = Files.readString(TestData.require("models/stories260K/expected_greedy_200.txt")).substring(0, 40);
        Path tokenizer = TestData.require("models/stories260K/tok512.bin");
        for (String name : List.of("stories260K.bin", "stories260K_v1_fp32.bin", "stories260K_v2_q8_0.bin")) {
            try (ModelFile file = ModelFile.open(TestData.require("models/stories260K/" + name), tokenizer);
                    Workspace workspace = new Workspace(backend, 1 << 20)) {
                Decoder decoder = file.decoder(pool);
                Tape tape = Tape.evaluating(backend, workspace);
                int[] ids = new int[20];
                ids[0] = file.tokenizer().orElseThrow().bos();
                for (int n = 1; n < ids.length; n++) {
                    float[] logits = decoder.forward(tape, Tensor.of(workspace, Arrays.copyOf(ids, n), n), 1, n).toArray();
                    ids[n] = best(logits, (n - 1) * file.config().vocab(), file.config().vocab());
                    tape.reset();
                }
                String text = file.tokenizer().orElseThrow().decode(ids).strip();
                assertThat(expected).as(name).startsWith(text.substring(0, Math.min(text.length(), 40)));
                assertThat(text.length()).isGreaterThan(25);
            }
        }
    }

    private static int best(float[] logits, int from, int count) {
        int best = from;
        for (int i = from; i < from + count; i++) {
            best = logits[i] > logits[best] ? i : best;
        }
        return best - from;
    }

    @Test
    void aTensorWithoutAPlaceOrOfAnotherShapeIsRefused() throws IOException {
        Path model = TestData.require("golden-models/llama-Q8_0.gguf");
        try (GgufFile file = GgufFile.open(model)) {
            Path more = rewrite(file, "", "blk.0.attn_output.bias");
            try (ModelFile opened = ModelFile.open(more, null)) {
                assertThatThrownBy(() -> opened.decoder(pool)).isInstanceOf(FormatException.class)
                        .hasMessageContaining("blk.0.attn_output.bias has no place");
            }
            Path less = rewrite(file, "blk.1.ffn_up.weight", "");
            try (ModelFile opened = ModelFile.open(less, null)) {
                assertThatThrownBy(() -> opened.decoder(pool)).isInstanceOf(FormatException.class)
                        .hasMessageContaining("blk.1.ffn_up.weight");
            }
            Path scaled = rewrite(file, "", "blk.0.attn_q.scale");
            try (ModelFile opened = ModelFile.open(scaled, null)) {
                float[] plain = file.floats("blk.0.attn_q.weight");
                float[] twice = opened.decoder(pool).parameter("blk.0.attn_q.weight").value().toArray();
                for (int i = 0; i < plain.length; i++) {
                    assertThat(twice[i]).isEqualTo(2 * plain[i]);
                }
            }
        }
    }

    @Test
    void aTokenizerIsForLlama2cFilesAlone() {
        Path model = TestData.require("golden-models/llama-Q8_0.gguf");
        assertThatThrownBy(() -> ModelFile.open(model, model)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("only llama2.c checkpoints take one");
    }

    /** The same file without a tensor, or with one more of the value 2. */
    private Path rewrite(GgufFile file, String without, String more) throws IOException {
        GgufWriter writer = new GgufWriter(file.metadata().architecture());
        for (String key : file.metadata().keys()) {
            Object value = file.metadata().value(key).orElseThrow();
            if (key.startsWith("llama.") && value instanceof Long number) {
                writer.uint32(key, number);
            } else if (key.startsWith("llama.") && value instanceof Double number) {
                writer.float32(key, number.floatValue());
            }
        }
        for (GgufTensor tensor : file.tensors()) {
            if (!tensor.name().equals(without)) {
                writer.tensor(tensor.name(), tensor.type(), tensor.shape(), file.tensor(tensor.name()));
            }
        }
        if (!more.isEmpty()) {
            writer.tensor(more, GgmlType.F32, new long[]{1}, MemorySegment.ofArray(new float[]{2}));
        }
        Path path = folder.resolve("rewritten" + without + more + ".gguf");
        writer.write(path);
        return path;
    }
}
