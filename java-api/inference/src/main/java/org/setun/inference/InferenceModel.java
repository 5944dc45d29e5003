package org.setun.inference;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.nn.DecoderConfig;

/**
 * A language model, loaded and packed for one backend. Ternary matrices with one scale and the block types of
 * {@link org.setun.kernels.BlockFormat} are packed for their kernels; other block types stay as they are and are expanded to fp32 tile by
 * tile when
 * they are multiplied, which takes time, not memory. Immutable; any number of sessions may share it. Close the sessions first, then the
 * model, then the backend.
 */
public final class InferenceModel implements AutoCloseable {

    /** The context of sessions that do not ask for one, if the model allows it: a longer one costs memory in proportion. */
    public static final int DEFAULT_CONTEXT = 4096;

    private final String architecture;
    private final DecoderConfig config;
    private final ModelWeights weights;
    private final @Nullable Tokenizer tokenizer;
    private final Backend backend;
    private final MemoryPool memory;

    InferenceModel(String architecture, DecoderConfig config, ModelWeights weights, @Nullable Tokenizer tokenizer, Backend backend,
            MemoryPool memory) {
        this.architecture = architecture;
        this.config = config;
        this.weights = weights;
        this.tokenizer = tokenizer;
        this.backend = backend;
        this.memory = memory;
    }

    /**
     * Loads a GGUF file of architecture {@code llama}, {@code bitnet}, {@code bitnet-b1.58}, {@code bitnet-25}, {@code qwen2} or
     * {@code qwen3}, or a checkpoint of llama2.c, which has no tokenizer. The file may be closed or replaced afterwards.
     *
     * @param activations what packed matrices are multiplied with
     * @throws FormatException if the file is damaged or of an unsupported kind
     * @throws IOException if it cannot be read
     */
    public static InferenceModel open(Path path, Backend backend, Activations activations) throws IOException {
        return new ModelLoader(backend, activations).open(path, null);
    }

    /**
     * Loads a checkpoint of llama2.c with its tokenizer.
     *
     * @param tokenizer in llama2.c's form ({@code tokenizer.bin})
     * @throws FormatException if a file is damaged, or the two do not fit together
     * @throws IllegalArgumentException if {@code path} is a GGUF file, which has its own tokenizer
     * @throws IOException if a file cannot be read
     */
    public static InferenceModel open(Path path, Path tokenizer, Backend backend, Activations activations) throws IOException {
        return new ModelLoader(backend, activations).open(path, tokenizer);
    }

    /** The architecture's GGUF name, or {@code llama2.c}. */
    public String architecture() {
        return architecture;
    }

    /** The model's shape. */
    public DecoderConfig config() {
        return config;
    }

    /**
     * The model's tokenizer.
     *
     * @throws IllegalStateException if its file has none
     */
    public Tokenizer tokenizer() {
        if (tokenizer == null) {
            throw new IllegalStateException("the model's file has no tokenizer");
        }
        return tokenizer;
    }

    /** Whether the model's file has a tokenizer. */
    public boolean hasTokenizer() {
        return tokenizer != null;
    }

    /** The smaller of the model's context and {@link #DEFAULT_CONTEXT}. */
    public int defaultContext() {
        return Math.min(config.context(), DEFAULT_CONTEXT);
    }

    /** Bytes of the loaded weights. */
    public long weightBytes() {
        return memory.statistics().inUse();
    }

    /** A session of {@link #defaultContext()} tokens. */
    public InferenceSession newSession() {
        return newSession(defaultContext());
    }

    /**
     * A session for at most {@code context} tokens.
     *
     * @throws IllegalArgumentException if the model was not made for so many
     * @throws org.setun.kernels.PoolExhaustedException if memory for the keys and values is refused
     */
    public InferenceSession newSession(int context) {
        if (context < 1 || context > config.context()) {
            throw new IllegalArgumentException(
                    "context = " + context + " must be in [1, " + config.context() + "], which the model was made for");
        }
        return new InferenceSession(config, weights, backend, context);
    }

    /** Frees the weights. */
    @Override
    public void close() {
        memory.close();
    }
}
