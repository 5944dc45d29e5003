package org.setun.quant.ptq.input;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufWriter;
import org.setun.formats.llama2c.Llama2cConfig;
import org.setun.formats.llama2c.Llama2cModel;
import org.setun.formats.llama2c.Llama2cTokenizer;
import org.setun.formats.tokenizer.GgufTokenizers;
import org.setun.formats.tokenizer.SpmTokenizer;
import org.setun.quant.format.WeightRows;

/** A checkpoint of llama2.c: without a header, of version 1, or of version 2, whose int8 tensors are expanded one at a time. */
final class Llama2cInput implements ModelInput {

    private final Path path;
    private final Llama2cModel file;
    private final @Nullable Path tokenizerFile;
    private final @Nullable SpmTokenizer tokenizer;

    private Llama2cInput(Path path, Llama2cModel file, @Nullable Path tokenizerFile, @Nullable SpmTokenizer tokenizer) {
        this.path = path;
        this.file = file;
        this.tokenizerFile = tokenizerFile;
        this.tokenizer = tokenizer;
    }

    static Llama2cInput open(Path path, @Nullable Path tokenizerFile) throws IOException {
        SpmTokenizer tokenizer = tokenizerFile == null ? null : Llama2cTokenizer.open(tokenizerFile);
        Llama2cModel file = Llama2cModel.open(path);
        if (tokenizer != null && tokenizer.vocabSize() != file.config().vocab()) {
            file.close();
            throw new FormatException(String.valueOf(tokenizerFile), FormatException.NO_OFFSET, "tokenizer",
                    "has " + tokenizer.vocabSize() + " tokens, the model's embedding " + file.config().vocab(),
                    "name the tokenizer that belongs to the checkpoint");
        }
        return new Llama2cInput(path, file, tokenizerFile, tokenizer);
    }

    @Override
    public String architecture() {
        return "llama";
    }

    @Override
    public List<Path> files() {
        return List.of(path);
    }

    @Override
    public Map<String, Path> sideFiles() {
        return tokenizerFile == null ? Map.of() : Map.of("tokenizer", tokenizerFile);
    }

    @Override
    public List<InputTensor> tensors() {
        return file.names().stream().map(name -> new InputTensor(name, file.shape(name), Optional.empty())).toList();
    }

    @Override
    public WeightRows rows(InputTensor tensor) {
        if (file.version() == 2 && tensor.shape().length == 2) {
            return WeightRows.of(file.floats(tensor.name()), tensor.columns());
        }
        MemorySegment values = file.segment(tensor.name());
        return WeightRows.of(tensor.rows(), tensor.columns(), (row, into, to) -> Dequantizer.decode(GgmlType.F32, values,
                row * tensor.columns() * Float.BYTES, tensor.columns(), into, to));
    }

    @Override
    public Optional<MemorySegment> bytes(InputTensor tensor) {
        return Optional.empty();
    }

    @Override
    public void writeMetadata(GgufWriter writer) {
        Llama2cConfig config = file.config();
        String name = path.getFileName().toString();
        new DecoderMetadata("llama", config.vocab(), config.context(), config.dim(), config.layers(), config.hidden(), config.heads(),
                config.kvHeads(), config.headDim(), Llama2cConfig.NORM_EPS, Llama2cConfig.ROPE_THETA)
                .write(writer, name.endsWith(".bin") ? name.substring(0, name.length() - 4) : name);
        if (tokenizer != null) {
            GgufTokenizers.write(tokenizer, writer);
        }
    }

    @Override
    public void close() {
        file.close();
    }
}
