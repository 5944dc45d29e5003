package org.setun.inference;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.setun.formats.safetensors.SafetensorsFile;
import org.setun.testsupport.TestData;

/**
 * One of llama.cpp's answers for a small random model.
 *
 * @param tokens the prompt, 48 ids
 * @param logits [48][vocab] as llama.cpp runs the file, activations rounded its way
 * @param exact [48][vocab] from the dequantized weights in fp32
 * @param greedy 32 ids that follow, as llama.cpp runs the file
 * @param margin best minus second-best logit at each greedy step
 * @param exactGreedy 32 ids that follow, from the dequantized weights
 */
record Golden(Path model, int[] tokens, float[] logits, float[] exact, int[] greedy, float[] margin, int[] exactGreedy) {

    static Golden of(String name) throws IOException {
        Path model = TestData.require("golden-models/" + name + ".gguf");
        try (SafetensorsFile file = SafetensorsFile.open(TestData.require("golden-models/" + name + ".safetensors"))) {
            boolean own = file.find("logits_dequantized").isPresent();
            return new Golden(model, ids(file, "tokens"), file.floats("logits"), file.floats(own ? "logits_dequantized" : "logits"),
                    ids(file, "greedy"), file.floats("greedy_margin"), ids(file, own ? "greedy_dequantized" : "greedy"));
        }
    }

    /** [48][vocab] of the same weights with relu(gate)^2 instead of silu(gate), in float64. */
    static float[] squaredRelu() throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(TestData.require("golden-models/bitnet-TQ2_0.safetensors"))) {
            return file.floats("logits_relu2_numpy64");
        }
    }

    private static int[] ids(SafetensorsFile file, String tensor) {
        return file.tensor(tensor).toArray(ValueLayout.JAVA_INT_UNALIGNED);
    }
}
