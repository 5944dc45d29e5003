package org.setun.quant.ptq;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.setun.formats.FormatException;
import org.setun.formats.HuggingFaceConfig;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.safetensors.DType;
import org.setun.formats.safetensors.SafetensorsIndex;
import org.setun.formats.safetensors.SafetensorsWriter;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.nn.Decoder;
import org.setun.nn.Parameter;
import org.setun.quant.format.WeightFormats;
import org.setun.quant.model.ModelFile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Hugging Face checkpoints as input: names, order of rows, packed BitNet weights, several files. */
class SafetensorsInputTest {

    private static final String CONFIG = """
            {"model_type": "%s", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
             "num_key_value_heads": 1, "max_position_embeddings": 64, "vocab_size": 10, "rms_norm_eps": 1e-5, "rope_theta": 500000,
             "hidden_act": "silu", "tie_word_embeddings": true%s}""";

    @TempDir
    private Path folder;

    private Map<String, long[]> shapes() {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        String layer = "model.layers.0.";
        shapes.put(layer + "self_attn.q_proj.weight", new long[]{16, 16});
        shapes.put("model.embed_tokens.weight", new long[]{10, 16});
        shapes.put(layer + "self_attn.k_proj.weight", new long[]{8, 16});
        shapes.put(layer + "self_attn.v_proj.weight", new long[]{8, 16});
        shapes.put(layer + "self_attn.o_proj.weight", new long[]{16, 16});
        shapes.put(layer + "mlp.gate_proj.weight", new long[]{24, 16});
        shapes.put(layer + "mlp.up_proj.weight", new long[]{24, 16});
        shapes.put(layer + "mlp.down_proj.weight", new long[]{16, 24});
        shapes.put(layer + "input_layernorm.weight", new long[]{16});
        shapes.put(layer + "post_attention_layernorm.weight", new long[]{16});
        shapes.put("model.norm.weight", new long[]{16});
        return shapes;
    }

    private static float[] values(String name, long[] shape) {
        int count = 1;
        for (long extent : shape) {
            count *= (int) extent;
        }
        SplittableRandom random = new SplittableRandom(name.hashCode());
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private GgufFile quantize(Path input) throws IOException {
        Path output = folder.resolve("out.gguf");
        try (ReferenceBackend backend = new ReferenceBackend();
                QuantizeJob job = QuantizeJob.open(input, null, QuantizeOptions.of(WeightFormats.parse("f32")), backend)) {
            job.run(output, 2, (step, done, total) -> {
            });
        }
        return GgufFile.of(MemorySegment.ofArray(Files.readAllBytes(output)), "out.gguf");
    }

    private void config(String family, String more) throws IOException {
        Files.writeString(folder.resolve("config.json"), CONFIG.formatted(family, more));
    }

    private void write(Path file, Map<String, long[]> shapes) throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter();
        shapes.forEach((name, shape) -> writer.tensor(name, DType.F32, shape, MemorySegment.ofArray(values(name, shape))));
        writer.write(file);
    }

    @Test
    void namesAndRowsBecomeThoseOfGguf() throws IOException {
        config("llama", "");
        write(folder.resolve("model.safetensors"), shapes());
        GgufFile file = quantize(folder.resolve("model.safetensors"));
        assertThat(file.metadata().architecture()).isEqualTo("llama");
        assertThat(file.metadata().integer("llama.attention.head_count_kv")).isEqualTo(1);
        assertThat(file.metadata().number("llama.rope.freq_base")).isEqualTo(500_000);
        assertThat(file.tensors().iterator().next().name()).isEqualTo("token_embd.weight");
        assertThat(file.tensors()).hasSize(11);
        assertThat(file.floats("blk.0.ffn_down.weight")).isEqualTo(values("model.layers.0.mlp.down_proj.weight", new long[]{16, 24}));
        float[] query = values("model.layers.0.self_attn.q_proj.weight", new long[]{16, 16});
        float[] stored = file.floats("blk.0.attn_q.weight");
        int[] order = {0, 4, 1, 5, 2, 6, 3, 7};
        for (int row = 0; row < 16; row++) {
            for (int i = 0; i < 16; i++) {
                assertThat(stored[16 * row + i]).isEqualTo(query[16 * (row / 8 * 8 + order[row % 8]) + i]);
            }
        }
    }

    @Test
    void familiesThatRotateHalvesKeepTheirRows() throws IOException {
        config("qwen2", "");
        Map<String, long[]> shapes = shapes();
        shapes.put("model.layers.0.self_attn.q_proj.bias", new long[]{16});
        write(folder.resolve("model.safetensors"), shapes);
        GgufFile file = quantize(folder.resolve("model.safetensors"));
        assertThat(file.floats("blk.0.attn_q.weight")).isEqualTo(values("model.layers.0.self_attn.q_proj.weight", new long[]{16, 16}));
        assertThat(file.floats("blk.0.attn_q.bias")).isEqualTo(values("model.layers.0.self_attn.q_proj.bias", new long[]{16}));
    }

    @Test
    void packedTernaryWeightsAreUnpacked() throws IOException {
        config("bitnet", ", \"quantization_config\": {\"quant_method\": \"bitnet\", \"linear_class\": \"autobitlinear\"}");
        String name = "model.layers.0.mlp.up_proj.weight";
        SafetensorsWriter writer = new SafetensorsWriter();
        Map<String, long[]> shapes = shapes();
        shapes.put("model.layers.0.self_attn.attn_sub_norm.weight", new long[]{16});
        shapes.put("model.layers.0.mlp.ffn_sub_norm.weight", new long[]{24});
        shapes.forEach((tensor, shape) -> {
            if (!tensor.equals(name)) {
                writer.tensor(tensor, DType.F32, shape, MemorySegment.ofArray(values(tensor, shape)));
            }
        });
        byte[] packed = new byte[6 * 16];
        SplittableRandom random = new SplittableRandom(1);
        int[] codes = random.ints(24 * 16, 0, 3).toArray();
        for (int row = 0; row < 24; row++) {
            for (int i = 0; i < 16; i++) {
                packed[row % 6 * 16 + i] |= (byte) (codes[row * 16 + i] << 2 * (row / 6));
            }
        }
        writer.tensor(name, DType.U8, new long[]{6, 16}, MemorySegment.ofArray(packed));
        writer.tensor(name + "_scale", DType.F32, new long[]{1}, MemorySegment.ofArray(new float[]{0.75f}));
        writer.write(folder.resolve("model.safetensors"));
        GgufFile file = quantize(folder.resolve("model.safetensors"));
        float[] up = file.floats("blk.0.ffn_up.weight");
        for (int i = 0; i < up.length; i++) {
            assertThat(up[i]).isEqualTo(0.75f * (codes[i] - 1));
        }
    }

    /** No scale, and a scale for each row: neither is the one value that packed weights have. */
    @Test
    void aPackedWeightHasOneScale() throws IOException {
        config("bitnet", ", \"quantization_config\": {\"quant_method\": \"bitnet\", \"linear_class\": \"autobitlinear\"}");
        String name = "model.layers.0.mlp.up_proj.weight";
        Path model = folder.resolve("model.safetensors");
        for (int scales : new int[]{0, 24}) {
            SafetensorsWriter writer = new SafetensorsWriter();
            writer.tensor(name, DType.U8, new long[]{6, 16}, MemorySegment.ofArray(new byte[6 * 16]));
            writer.tensor(name + "_scale", DType.F32, new long[]{scales}, MemorySegment.ofArray(new float[scales]));
            writer.write(model);
            assertThatThrownBy(() -> quantize(model)).isInstanceOf(FormatException.class).hasMessageContaining(name + "_scale")
                    .hasMessageContaining("[" + scales + "], one value").hasMessageContaining("unpacked checkpoint");
        }
    }

    @Test
    void severalFilesAreOneModel() throws IOException {
        config("llama", "");
        Map<String, long[]> all = shapes();
        List<String> names = new ArrayList<>(all.keySet());
        Map<String, long[]> first = new LinkedHashMap<>();
        Map<String, long[]> second = new LinkedHashMap<>();
        StringBuilder map = new StringBuilder();
        for (int i = 0; i < names.size(); i++) {
            (i % 2 == 0 ? first : second).put(names.get(i), all.get(names.get(i)));
            map.append(i == 0 ? "" : ", ").append('"').append(names.get(i)).append("\": \"part-").append(i % 2).append(".safetensors\"");
        }
        write(folder.resolve("part-0.safetensors"), first);
        write(folder.resolve("part-1.safetensors"), second);
        Path index = Files.writeString(folder.resolve("model.safetensors.index.json"), "{\"metadata\": {}, \"weight_map\": {" + map + "}}");
        assertThat(quantize(index).tensors()).hasSize(11);
        for (String part : List.of("part-0.safetensors", "part-1.safetensors")) {
            assertThatThrownBy(() -> quantize(folder.resolve(part))).as(part).isInstanceOf(FormatException.class)
                    .hasMessageContaining("is missing").hasMessageContaining("index");
        }
        assertThatThrownBy(() -> SafetensorsIndex.parse("{\"weight_map\": {\"a\": \"../x.safetensors\"}}", "i"))
                .isInstanceOf(FormatException.class).hasMessageContaining("../x");
        assertThatThrownBy(() -> SafetensorsIndex.parse("{}", "i")).isInstanceOf(FormatException.class).hasMessageContaining("weight_map");
        assertThatThrownBy(() -> SafetensorsIndex.parse("[", "i")).isInstanceOf(FormatException.class);
    }

    /** A folder or one of its files opens as the model that its GGUF file is: the same shape, the same weights to the bit. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2"})
    void theModelIsThatOfTheGgufFileOfTheSameWeights(String family) throws IOException {
        config(family, "");
        Map<String, long[]> shapes = shapes();
        if (family.equals("qwen2")) {
            shapes.put("model.layers.0.self_attn.q_proj.bias", new long[]{16});
            shapes.put("model.layers.0.self_attn.k_proj.bias", new long[]{8});
            shapes.put("model.layers.0.self_attn.v_proj.bias", new long[]{8});
        }
        write(folder.resolve("model.safetensors"), shapes);
        quantize(folder);
        try (ReferenceBackend backend = new ReferenceBackend();
                MemoryPool pool = MemoryPool.builder(backend).slabBytes(1 << 20).build();
                ModelFile gguf = ModelFile.open(folder.resolve("out.gguf"), null)) {
            Decoder expected = gguf.decoder(pool);
            for (Path path : List.of(folder, folder.resolve("model.safetensors"))) {
                try (ModelFile file = ModelFile.open(path, null)) {
                    assertThat(file.config()).isEqualTo(gguf.config());
                    assertThat(file.architecture()).isEqualTo(family);
                    assertThat(file.files()).containsExactly(folder.resolve("model.safetensors"));
                    Decoder decoder = file.decoder(pool);
                    for (Parameter parameter : expected.parameters()) {
                        assertThat(decoder.parameter(parameter.name()).value().toArray()).as(parameter.name())
                                .isEqualTo(parameter.value().toArray());
                    }
                }
            }
        }
        Files.delete(folder.resolve("model.safetensors"));
        assertThatThrownBy(() -> ModelFile.open(folder, null)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("model.safetensors.index.json");
    }

    @Test
    void aTensorThatIsMissingOrOfAnotherShapeIsNamed() throws IOException {
        config("llama", "");
        Map<String, long[]> shapes = shapes();
        shapes.put("model.layers.0.mlp.up_proj.weight", new long[]{23, 16});
        write(folder.resolve("model.safetensors"), shapes);
        try (ReferenceBackend backend = new ReferenceBackend();
                MemoryPool pool = MemoryPool.builder(backend).slabBytes(1 << 20).build();
                ModelFile file = ModelFile.open(folder, null)) {
            assertThatThrownBy(() -> file.decoder(pool)).isInstanceOf(FormatException.class).hasMessageContaining("blk.0.ffn_up");
        }
        shapes.remove("model.layers.0.mlp.down_proj.weight");
        write(folder.resolve("model.safetensors"), shapes);
        assertThatThrownBy(() -> ModelFile.open(folder, null)).isInstanceOf(FormatException.class).hasMessageContaining("blk.0.ffn_down");
        shapes.put("model.layers.0.mlp.down_proj.weight", new long[]{16, 24});
        shapes.remove("model.embed_tokens.weight");
        write(folder.resolve("model.safetensors"), shapes);
        assertThatThrownBy(() -> ModelFile.open(folder, null)).isInstanceOf(FormatException.class).hasMessageContaining("token_embd");
    }

    @Test
    void aCheckpointWithoutAllItsLayersIsRefused() throws IOException {
        Files.writeString(folder.resolve("config.json"), CONFIG.formatted("llama", "").replace("layers\": 1", "layers\": 2"));
        write(folder.resolve("model.safetensors"), shapes());
        assertThatThrownBy(() -> quantize(folder.resolve("model.safetensors"))).isInstanceOf(FormatException.class)
                .hasMessageContaining("block 1").hasMessageContaining("num_hidden_layers = 2").hasMessageContaining("index");
        Files.writeString(folder.resolve("config.json"),
                CONFIG.formatted("llama", "").replace("embeddings\": true", "embeddings\": false"));
        assertThatThrownBy(() -> quantize(folder.resolve("model.safetensors"))).isInstanceOf(FormatException.class)
                .hasMessageContaining("lm_head.weight").hasMessageContaining("tie_word_embeddings");
    }

    /** Other heads mean other rows of queries and keys, and packed weights another scale, in tensors of the same bytes. */
    @Test
    void aConfigurationThatChangedStartsAnew() throws IOException {
        config("llama", "");
        write(folder.resolve("model.safetensors"), shapes());
        Path output = folder.resolve("out.gguf");
        try (ReferenceBackend backend = new ReferenceBackend();
                QuantizeJob job = QuantizeJob.open(folder, null, QuantizeOptions.of(WeightFormats.parse("f32")), backend)) {
            assertThatThrownBy(() -> job.run(output, 1, (step, done, total) -> {
                if (step.equals("output_norm.weight")) {
                    throw new IllegalStateException("stop");
                }
            })).hasMessage("stop");
            assertThat(job.configuration()).contains("config.json = ");
        }
        Files.writeString(folder.resolve("config.json"),
                CONFIG.formatted("llama", "").replace("attention_heads\": 2", "attention_heads\": 4")
                        .replace("value_heads\": 1", "value_heads\": 2"));
        float[] resumed = quantize(folder).floats("blk.0.attn_q.weight");
        Files.delete(output);
        assertThat(quantize(folder).floats("blk.0.attn_q.weight")).isEqualTo(resumed);
    }

    @Test
    void noFileOfTheCheckpointIsOverwritten() throws IOException {
        config("llama", "");
        write(folder.resolve("model.safetensors"), shapes());
        String before = Files.readString(folder.resolve("config.json"));
        try (ReferenceBackend backend = new ReferenceBackend();
                QuantizeJob job = QuantizeJob.open(folder, null, QuantizeOptions.of(WeightFormats.parse("f32")), backend)) {
            for (String name : List.of("config.json", "model.safetensors")) {
                assertThatThrownBy(() -> job.run(folder.resolve(name), 1, (step, done, total) -> {
                })).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("would overwrite").hasMessageContaining(name);
            }
        }
        assertThat(folder.resolve("config.json")).hasContent(before);
    }

    @Test
    void whatWouldBeComputedWronglyIsRefused() throws IOException {
        String[][] bad = {{"gpt2", "", "model_type"}, {"llama", ", \"rope_scaling\": {\"rope_type\": \"llama3\"}", "rope_scaling"},
                {"llama", ", \"head_dim\": 7", "head_dim"}};
        for (String[] each : bad) {
            assertThatThrownBy(() -> HuggingFaceConfig.parse(CONFIG.formatted(each[0], each[1]), "config.json"))
                    .isInstanceOf(FormatException.class).hasMessageContaining(each[2]);
        }
        assertThatThrownBy(() -> HuggingFaceConfig.parse(CONFIG.formatted("llama", "").replace("silu", "gelu"), "c"))
                .isInstanceOf(FormatException.class).hasMessageContaining("gelu");
        config("llama", "");
        Map<String, long[]> shapes = shapes();
        shapes.put("model.layers.0.mystery.weight", new long[]{4});
        write(folder.resolve("model.safetensors"), shapes);
        assertThatThrownBy(() -> quantize(folder.resolve("model.safetensors"))).isInstanceOf(FormatException.class)
                .hasMessageContaining("mystery");
    }
}
