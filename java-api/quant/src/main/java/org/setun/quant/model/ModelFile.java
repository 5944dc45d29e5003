package org.setun.quant.model;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufMetadata;
import org.setun.formats.gguf.GgufWriter;
import org.setun.formats.llama2c.Llama2cConfig;
import org.setun.formats.llama2c.Llama2cModel;
import org.setun.formats.llama2c.Llama2cTokenizer;
import org.setun.formats.tokenizer.GgufTokenizers;
import org.setun.formats.tokenizer.Tokenizer;
import org.setun.kernels.Allocator;
import org.setun.kernels.NnOps;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.Quantization;
import org.setun.nn.QuantizationPlan;
import org.setun.quant.ptq.Integrity;
import org.setun.quant.ptq.SetunGguf;
import org.setun.quant.ptq.input.ModelInput;

/**
 * A model on disk: GGUF of architecture {@code llama}, {@code bitnet}, {@code bitnet-b1.58}, {@code bitnet-25}, {@code qwen2} or
 * {@code qwen3}, and what {@code setun quantize} makes of these, a Hugging Face checkpoint (a safetensors file, the index of several, or their
 * folder) of the same families, or a checkpoint of llama2.c. Its header is checked when it is opened, its
 * tensors when they are read. One thread at a time.
 */
public final class ModelFile implements AutoCloseable {

    private static final byte[] GGUF_MAGIC = "GGUF".getBytes(StandardCharsets.US_ASCII);

    private final String architecture;
    private final DecoderConfig config;
    private final @Nullable Tokenizer tokenizer;
    private final @Nullable GgufFile gguf;
    private final Runnable closing;
    private final List<Path> files;
    private final List<Path> sideFiles;
    private final TensorSource tensors;

    private ModelFile(String architecture, DecoderConfig config, @Nullable Tokenizer tokenizer, @Nullable GgufFile gguf,
            Runnable closing, List<Path> files, Collection<Path> sideFiles, TensorSource tensors) {
        this.architecture = architecture;
        this.config = config;
        this.tokenizer = tokenizer;
        this.gguf = gguf;
        this.closing = closing;
        this.files = List.copyOf(files);
        this.sideFiles = List.copyOf(sideFiles);
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
        Path source = ModelInput.file(path);
        ModelInput.requireModel(source);
        if (ModelInput.isHuggingFace(source)) {
            return openHuggingFace(source, tokenizer);
        }
        if (!startsWithGgufMagic(path)) {
            return openLlama2c(path, tokenizer);
        }
        if (tokenizer != null) {
            throw new IllegalArgumentException(
                    "tokenizer = " + tokenizer + ", but " + path + " is a GGUF file, and only llama2.c checkpoints take one: leave it out");
        }
        GgufFile file = GgufFile.open(path);
        try {
            return of(path, file);
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

    private static ModelFile of(Path path, GgufFile file) {
        SetunGguf stored = SetunGguf.of(file);
        DecoderConfig config = GgufArchitecture.of(file.metadata()).config(file.metadata(), stored.architecture(),
                name -> stored.find(name).map(SetunGguf.Tensor::shape));
        Integrity.verify(file);
        Tokenizer tokenizer = null;
        if (file.metadata().has("tokenizer.ggml.tokens")) {
            tokenizer = GgufTokenizers.read(file.metadata());
            requireVocabulary(file.name(), tokenizer, config);
        }
        return new ModelFile(file.metadata().architecture(), config, tokenizer, file, file::close, List.of(path), List.of(),
                new GgufTensors(file, stored));
    }

    /** What {@code setun quantize} would put into the head of a GGUF file is what the checkpoint says of itself in GGUF's words. */
    private static ModelFile openHuggingFace(Path path, @Nullable Path tokenizerFile) throws IOException {
        ModelInput input = ModelInput.open(path, tokenizerFile);
        try {
            GgufWriter writer = new GgufWriter(input.architecture());
            input.writeMetadata(writer);
            GgufMetadata metadata = GgufFile.of(MemorySegment.ofArray(writer.head()), path.toString()).metadata();
            InputTensors tensors = new InputTensors(input);
            DecoderConfig config = GgufArchitecture.of(metadata).config(metadata, input.architecture(), tensors::shape);
            Tokenizer tokenizer = metadata.has("tokenizer.ggml.tokens") ? GgufTokenizers.read(metadata) : null;
            if (tokenizer != null) {
                requireVocabulary(path.toString(), tokenizer, config);
            }
            return new ModelFile(input.architecture(), config, tokenizer, null, input::close, input.files(),
                    input.sideFiles().values(), tensors);
        } catch (RuntimeException e) {
            input.close();
            throw e;
        }
    }

    private static ModelFile openLlama2c(Path path, @Nullable Path tokenizerFile) throws IOException {
        Tokenizer tokenizer = tokenizerFile == null ? null : Llama2cTokenizer.open(tokenizerFile);
        Llama2cModel file = Llama2cModel.open(path);
        try {
            DecoderConfig config = config(path, file.config());
            if (tokenizer != null) {
                requireVocabulary(String.valueOf(tokenizerFile), tokenizer, config);
            }
            return new ModelFile("llama2.c", config, tokenizer, null, file::close, List.of(path),
                    tokenizerFile == null ? List.of() : List.of(tokenizerFile), new Llama2cTensors(file, path.toString()));
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

    /** The files that the tensors come from, in a fixed order. */
    public List<Path> files() {
        return files;
    }

    /** The other files that were read: sizes, tokenizer, the list of the parts. */
    public List<Path> sideFiles() {
        return sideFiles;
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
        return decoder(allocator, config, QuantizationPlan.blocks(Quantization.NONE));
    }

    /**
     * Reads the model's fp32 weights as those that training starts from; this file may be closed afterwards.
     *
     * @param shape {@link #config()}, perhaps with less context
     * @param plan  what each layer quantizes
     */
    public Decoder decoder(Allocator allocator, DecoderConfig shape, QuantizationPlan plan) {
        return DecoderLoader.load(tensors, shape, plan, allocator);
    }

    @Override
    public void close() {
        closing.run();
    }
}
