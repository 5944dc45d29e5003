package org.setun.quant;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.kernels.NnOps;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.DecoderInit;
import org.setun.nn.Parameter;
import org.setun.nn.Quantization;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.quant.model.ModelFile;
import org.setun.testsupport.TestData;

import static org.assertj.core.api.Assertions.assertThat;

/** The decoder's fp32 forward pass against logits that llama.cpp (or, for squared ReLU, an fp64 pass) computed for random models. */
class GoldenDecoderTest extends QuantTest {

    @ParameterizedTest
    @CsvSource({"bitnet-F32, logits", "bitnet-TQ2_0, logits_dequantized", "bitnet-TQ1_0, logits_dequantized",
            "bitnet-theta500000-TQ2_0, logits_dequantized", "llama-F32, logits", "llama-F16, logits", "llama-TQ2_0, logits_dequantized",
            "qwen2-F16, logits", "qwen3-F16, logits"})
    void logitsAgree(String model, String tensor) throws IOException {
        try (ModelFile file = ModelFile.open(TestData.require("golden-models/" + model + ".gguf"), null)) {
            Decoder decoder = file.decoder(pool);
            assertThat(decoder.parameters().stream().map(Parameter::name)).containsExactlyInAnyOrderElementsOf(file.tensors().names());
            requireLogits(decoder, model, tensor);
        }
    }

    @Test
    void logitsOfSquaredReluAgree() throws IOException {
        try (ModelFile file = ModelFile.open(TestData.require("golden-models/bitnet-TQ2_0.gguf"), null)) {
            DecoderConfig c = file.config();
            Decoder decoder = new Decoder(new DecoderConfig(c.vocab(), c.dim(), c.layers(), c.heads(), c.kvHeads(), c.headDim(), c.ffn(),
                    c.context(), NnOps.Glu.RELU2, c.subNorms(), c.rope(), c.ropeTheta(), c.normEps(), c.tiedHead()), Quantization.NONE,
                    pool,
                    DecoderInit.seeded(1));
            decoder.parameters().forEach(parameter -> parameter.load(file.gguf().orElseThrow().floats(parameter.name())));
            requireLogits(decoder, "bitnet-TQ2_0", "logits_relu2_numpy64");
        }
    }

    private void requireLogits(Decoder decoder, String model, String tensor) throws IOException {
        try (SafetensorsFile golden = SafetensorsFile.open(TestData.require("golden-models/" + model + ".safetensors"))) {
            int[] tokens = golden.tensor("tokens").toArray(ValueLayout.JAVA_INT_UNALIGNED);
            float[] logits = decoder.forward(Tape.evaluating(backend, workspace), Tensor.of(pool, tokens, tokens.length), 1, tokens.length)
                    .toArray();
            float[] expected = golden.floats(tensor.equals("logits") && golden.find("logits_dequantized").isPresent()
                    ? "logits_dequantized"
                    : tensor);
            double largest = 0;
            for (int i = 0; i < expected.length; i++) {
                largest = Math.max(largest, Math.abs(logits[i] - expected[i]));
            }
            assertThat(logits).hasSameSizeAs(expected);
            assertThat(largest).isLessThan(2e-4);
        }
    }
}
