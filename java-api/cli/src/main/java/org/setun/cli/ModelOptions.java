package org.setun.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.setun.inference.Activations;
import org.setun.inference.InferenceModel;
import org.setun.kernels.Backend;
import org.setun.quant.ptq.input.ModelInput;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** How {@code generate} and {@code eval} name a model. */
final class ModelOptions {

    @Parameters(index = "0", paramLabel = "MODEL", description = "A GGUF file (llama, bitnet, bitnet-b1.58, ...) or a llama2.c .bin file.")
    Path model = Path.of("");

    @Option(names = "--tokenizer", paramLabel = "FILE", description = "Tokenizer of a llama2.c model; a GGUF file has its own.")
    @Nullable
    Path tokenizer;

    @Option(names = "--activations", description = "What packed matrices of every type (ternary, Q4_K, pi, ...) "
            + "are multiplied with: int8 rounds the rows to 8 bits, fp32 leaves them as they are (default: ${DEFAULT-VALUE}).", defaultValue = "int8")
    Activations activations = Activations.INT8;

    InferenceModel open(Backend backend) throws IOException {
        InputFiles.requireFile(model, "a model file (setun export makes one of a checkpoint)");
        InferenceModel opened = tokenizer == null
                ? InferenceModel.open(model, backend, activations)
                : InferenceModel.open(model, tokenizer, backend, activations);
        if (!opened.hasTokenizer()) {
            opened.close();
            throw new IllegalArgumentException(model + " holds no tokenizer; " + (ModelInput.takesTokenizer(model)
                    ? "name one with --tokenizer FILE"
                    : "make it again from a model that has one (setun quantize --tokenizer FILE for llama2.c)"));
        }
        return opened;
    }
}
