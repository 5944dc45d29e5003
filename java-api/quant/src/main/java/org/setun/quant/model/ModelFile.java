package org.setun.quant.model;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.llama2c.Llama2cConfig;
import org.setun.formats.llama2c.Llama2cModel;
import org.setun.formats.llama2c.Llama2cTokenizer;
import org.setun.formats.tokenizer.GgufTokenizers;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.kernels.Allocator;
import org.setun.kernels.NnOps;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.quant.ptq.Integrity;
import org.setun.quant.ptq.SetunGguf;

/**
 * A model on disk: GGUF of architecture {@code llama}, {@code bitnet}, {@code bitnet-b1.58}, {@code bitnet-25}, {@code qwen2} or
 * {@code qwen3}, or a checkpoint of llama2.c, and what {@code setun quantize} makes of these. Its header is checked when it is opened, its
 * tensors when they are read. One thread at a time.
 */
public final class ModelFile implements AutoCloseable {

    private static final byte[] GGUF_MAGIC = "GGUF".getBytes(StandardCharsets.US_ASCII);

    private final String architecture;
    private final DecoderConfig config;
    private final @Nullable Tokenizer tokenizer;
    private final @Nullable GgufFile gguf;
    private final @Nullable Llama2cModel llama2c;
    private final TensorSource tensors;

    private ModelFile(String architecture, DecoderConfig config, @Nullable Tokenizer tokenizer, @Nullable GgufFile gguf,
            @Nullable Llama2cModel llama2c, TensorSource tensors) {
        this.architecture = architecture;
        this.config = config;
        this.tokenizer = tokenizer;
        this.gguf = gguf;
        this.llama2c = llama2c;
        this.tensors = tensors;
    }

    /**
     * Opens a model.
     *
     * @param tokenizer of a llama2.c checkpoint, in llama2.c's form; null for none, and for GGUF, which has its own
     * @throws FormatException if a file is damaged or of an unsupported kind, or the two do not fit together
     * @throws IllegalArgumentException if a tokenizer is given for a GGUF file
     * @throws IOException if a file cannot be read
     */
    public static ModelFile open(Path path, @Nullable Path tokenizer) throws IOException {
        if (!startsWithGgufMagic(path)) {
            return openLlama2c(path, tokenizer);
        }
        if (tokenizer != null) {
            throw new IllegalArgumentException("tokenizer = " + tokenizer + ", but " + path + " is a GGUF file, which has its own");
        }
        GgufFile file = GgufFile.open(path);
        try {
            return of(file);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private static boolean startsWithGgufMagic(Path path) throws IOException {
        try (InputStream in = Files.newInputStream(path)) {
            return Arrays.equals(in.readNBytes(GGUF_MAGIC.length), GGUF_MAGIC);
        }
    }

    private static ModelFile of(GgufFile file) {
        SetunGguf stored = SetunGguf.of(file);
        DecoderConfig config = GgufArchitecture.of(file.metadata()).config(file, stored);
        Integrity.verify(file);
        Tokenizer tokenizer = null;
        if (file.metadata().has("tokenizer.ggml.tokens")) {
            tokenizer = GgufTokenizers.read(file.metadata());
            requireVocabulary(file.name(), tokenizer, config);
        }
        return new ModelFile(file.metadata().architecture(), config, tokenizer, file, null, new GgufTensors(file, stored));
    }

    private static ModelFile openLlama2c(Path path, @Nullable Path tokenizerFile) throws IOException {
        Tokenizer tokenizer = tokenizerFile == null ? null : Llama2cTokenizer.open(tokenizerFile);
        Llama2cModel file = Llama2cModel.open(path);
        try {
            DecoderConfig config = config(path, file.config());
            if (tokenizer != null) {
                requireVocabulary(String.valueOf(tokenizerFile), tokenizer, config);
            }
            return new ModelFile("llama2.c", config, tokenizer, null, file, new Llama2cTensors(file, path.toString()));
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private static DecoderConfig config(Path path, Llama2cConfig shape) {
        try {
            return new DecoderConfig(shape.vocab(), shape.dim(), shape.layers(), shape.heads(), shape.kvHeads(), shape.headDim(),
                    shape.hidden(), shape.context(), NnOps.Glu.SILU, false, NnOps.Rope.INTERLEAVED, Llama2cConfig.ROPE_THETA,
                    Llama2cConfig.NORM_EPS, shape.tiedHead());
        } catch (IllegalArgumentException e) {
            throw new FormatException(path.toString(), 0, "header", e.getMessage(), "", e);
        }
    }

    private static void requireVocabulary(String file, Tokenizer tokenizer, DecoderConfig config) {
        if (tokenizer.vocabSize() != config.vocab()) {
            throw new FormatException(file, FormatException.NO_OFFSET, "tokenizer",
                    "has " + tokenizer.vocabSize() + " tokens, the model's embedding " + config.vocab(), "");
        }
    }

    /** The tensors as they are stored, if the file is GGUF. */
    public Optional<SetunGguf> stored() {
        return gguf == null ? Optional.empty() : Optional.of(SetunGguf.of(gguf));
    }

    /** The architecture's GGUF name, or {@code llama2.c}. */
    public String architecture() {
        return architecture;
    }

    /** The model's shape. */
    public DecoderConfig config() {
        return config;
    }

    /** The model's tokenizer, if it has one. */
    public Optional<Tokenizer> tokenizer() {
        return Optional.ofNullable(tokenizer);
    }

    /** The file, if it is GGUF. */
    public Optional<GgufFile> gguf() {
        return Optional.ofNullable(gguf);
    }

    /** The tensors, to be read until {@link #close}. */
    public TensorSource tensors() {
        return tensors;
    }

    /**
     * Reads the model in fp32; this file may be closed afterwards.
     *
     * @param allocator for the parameters, usually a pool; holds nothing of use if this throws
     * @throws FormatException if a tensor is missing, of another shape, or has no place in the architecture
     */
    public Decoder decoder(Allocator allocator) {
        return DecoderLoader.load(tensors, config, allocator);
    }

    @Override
    public void close() {
        if (gguf != null) {
            gguf.close();
        }
        if (llama2c != null) {
            llama2c.close();
        }
    }
}
