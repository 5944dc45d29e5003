package org.setun.quant;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufMetadata;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.kernels.NnOps;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;

/** The decoder's fp32 forward pass against logits that llama.cpp (or, for squared ReLU, an fp64 pass) computed for random models. */
class GoldenDecoderTest extends QuantTest {

    private static DecoderConfig config(GgufFile file, NnOps.Glu activation) {
        GgufMetadata metadata = file.metadata();
        String arch = metadata.architecture();
        int dim = (int) metadata.integer(arch + ".embedding_length");
        int heads = (int) metadata.integer(arch + ".attention.head_count");
        boolean bitnet = arch.equals("bitnet");
        return new DecoderConfig((int) file.info("token_embd.weight").shape()[0], dim, (int) metadata.integer(arch + ".block_count"), heads,
                (int) metadata.integer(arch + ".attention.head_count_kv"), dim / heads,
                (int) metadata.integer(arch + ".feed_forward_length"),
                (int) metadata.integer(arch + ".context_length"), activation, bitnet, bitnet ? NnOps.Rope.HALVES : NnOps.Rope.INTERLEAVED,
                metadata.number(arch + ".rope.freq_base"), metadata.number(arch + ".attention.layer_norm_rms_epsilon"),
                file.find("output.weight").isEmpty());
    }

    @ParameterizedTest
    @CsvSource({"bitnet-F32, logits", "bitnet-TQ2_0, logits_dequantized", "bitnet-TQ2_0, logits_relu2_numpy64",
            "bitnet-TQ1_0, logits_dequantized",
            "bitnet-theta500000-TQ2_0, logits_dequantized", "llama-F32, logits", "llama-TQ2_0, logits_dequantized"})
    void logitsAgree(String model, String tensor) throws IOException {
        try (GgufFile file = GgufFile.open(TestData.require("golden-models/" + model + ".gguf"));
                SafetensorsFile golden = SafetensorsFile.open(TestData.require("golden-models/" + model + ".safetensors"))) {
            Decoder decoder = new Decoder(config(file, tensor.contains("relu2") ? NnOps.Glu.RELU2 : NnOps.Glu.SILU), Quantization.NONE,
                    pool,
                    DecoderInit.seeded(1));
            assertThat(decoder.parameters()).hasSameSizeAs(file.tensors());
            for (Parameter parameter : decoder.parameters()) {
                parameter.load(file.floats(parameter.name()));
            }
            int[] tokens = golden.tensor("tokens").toArray(ValueLayout.JAVA_INT_UNALIGNED);
            float[] logits = decoder.forward(Tape.evaluating(backend, workspace), Tensor.of(pool, tokens, tokens.length), 1, tokens.length)
                    .toArray();
            float[] expected = golden.floats(tensor);
            double largest = 0;
            for (int i = 0; i < expected.length; i++) {
                largest = Math.max(largest, Math.abs(logits[i] - expected[i]));
            }
            assertThat(logits).hasSameSizeAs(expected);
            assertThat(largest).isLessThan(2e-4);
        }
    }
}
