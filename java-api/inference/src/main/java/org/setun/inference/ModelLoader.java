package org.setun.inference;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.llama2c.Llama2cConfig;
import org.setun.formats.llama2c.Llama2cModel;
import org.setun.formats.llama2c.Llama2cTokenizer;
import org.setun.formats.tokenizer.GgufTokenizers;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.nn.DecoderConfig;

/** Makes {@link InferenceModel}s of files. */
final class ModelLoader {

    private static final byte[] GGUF_MAGIC = "GGUF".getBytes(StandardCharsets.US_ASCII);

    private final Backend backend;
    private final Activations activations;

    ModelLoader(Backend backend, Activations activations) {
        this.backend = backend;
        this.activations = activations;
    }

    InferenceModel open(Path path, @Nullable Path tokenizer) throws IOException {
        if (!startsWithGgufMagic(path)) {
            return openLlama2c(path, tokenizer);
        }
        if (tokenizer != null) {
            throw new IllegalArgumentException("tokenizer = " + tokenizer + ", but " + path + " is a GGUF file, which has its own");
        }
        try (GgufFile file = GgufFile.open(path)) {
            return load(file);
        }
    }

    private static boolean startsWithGgufMagic(Path path) throws IOException {
        try (InputStream in = Files.newInputStream(path)) {
            return Arrays.equals(in.readNBytes(GGUF_MAGIC.length), GGUF_MAGIC);
        }
    }

    private InferenceModel load(GgufFile file) {
        GgufArchitecture architecture = GgufArchitecture.of(file.metadata());
        DecoderConfig config = architecture.config(file);
        Tokenizer tokenizer = null;
        if (file.metadata().has("tokenizer.ggml.tokens")) {
            tokenizer = GgufTokenizers.read(file.metadata());
            requireVocabulary(file.name(), tokenizer, config);
        }
        return build(file.metadata().architecture(), config, tokenizer, architecture.headNorms(),
                memory -> new GgufSource(file, backend, memory));
    }

    private InferenceModel openLlama2c(Path path, @Nullable Path tokenizerFile) throws IOException {
        Tokenizer tokenizer = tokenizerFile == null ? null : Llama2cTokenizer.open(tokenizerFile);
        try (Llama2cModel file = Llama2cModel.open(path)) {
            Llama2cConfig shape = file.config();
            DecoderConfig config = config(path, shape);
            if (tokenizer != null) {
                requireVocabulary(String.valueOf(tokenizerFile), tokenizer, config);
            }
            return build("llama2.c", config, tokenizer, false, memory -> new Llama2cSource(file, path.toString()));
        }
    }

    private static DecoderConfig config(Path path, Llama2cConfig shape) {
        try {
            return new DecoderConfig(shape.vocab(), shape.dim(), shape.layers(), shape.heads(), shape.kvHeads(), shape.headDim(),
                    shape.hidden(),
                    shape.context(), NnOps.Glu.SILU, false, NnOps.Rope.INTERLEAVED, Llama2cConfig.ROPE_THETA, Llama2cConfig.NORM_EPS,
                    shape.tiedHead());
        } catch (IllegalArgumentException e) {
            throw new FormatException(path.toString(), 0, "header", e.getMessage(), "", e);
        }
    }

    private static void requireVocabulary(String file, Tokenizer tokenizer, DecoderConfig config) {
        if (tokenizer.vocabSize() != config.vocab()) {
            throw new FormatException(file, FormatException.NO_OFFSET, "tokenizer",
                    "has " + tokenizer.vocabSize() + " tokens, the model's embedding "
                            + config.vocab(),
                    "");
        }
    }

    @FunctionalInterface
    private interface SourceFactory {
        WeightSource open(MemoryPool memory);
    }

    private InferenceModel build(String architecture, DecoderConfig config, @Nullable Tokenizer tokenizer, boolean headNorms,
            SourceFactory source) {
        MemoryPool memory = new MemoryPool(backend);
        try {
            ModelWeights weights = new WeightLoader(source.open(memory), config, backend, memory, activations).load(headNorms);
            return new InferenceModel(architecture, config, weights, tokenizer, backend, memory);
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }
}
