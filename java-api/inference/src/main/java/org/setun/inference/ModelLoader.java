package org.setun.inference;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.quant.model.ModelFile;

/** Makes {@link InferenceModel}s of files. */
final class ModelLoader {

    private final Backend backend;
    private final Activations activations;
    private final long expandable;

    ModelLoader(Backend backend, Activations activations) {
        this(backend, activations, WeightLoader.EXPANDED_BYTES);
    }

    /** With so many bytes for fp32 values of matrices whose blocks have no kernels. */
    ModelLoader(Backend backend, Activations activations, long expandable) {
        this.backend = backend;
        this.activations = activations;
        this.expandable = expandable;
    }

    InferenceModel open(Path path, @Nullable Path tokenizer) throws IOException {
        try (ModelFile file = ModelFile.open(path, tokenizer)) {
            MemoryPool memory = new MemoryPool(backend);
            try {
                ModelWeights weights = new WeightLoader(source(file, memory), file.config(), backend, memory, activations, expandable)
                        .load();
                return new InferenceModel(file.architecture(), file.config(), weights, file.tokenizer().orElse(null), backend, memory);
            } catch (RuntimeException | Error e) {
                memory.close();
                throw e;
            }
        }
    }

    /** llama2.c's format has no ternary type; of GGUF's, those with one scale stay packed. */
    private WeightSource source(ModelFile file, MemoryPool memory) {
        return file.gguf().<WeightSource>map(gguf -> new GgufSource(gguf, file.stored().orElseThrow(), backend, memory))
                .orElseGet(() -> new FloatSource(file.tensors()));
    }
}
