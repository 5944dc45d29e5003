package org.setun.quant.ptq.input;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;
import org.setun.formats.gguf.GgufWriter;
import org.setun.quant.format.WeightRows;

/** A GGUF file whose types can all be dequantized. */
final class GgufInput implements ModelInput {

    /** Keys that the output has its own of. */
    private static final Set<String> REPLACED = Set.of("general.architecture", "general.alignment", "general.file_type",
            "general.quantization_version");

    private static final String SPLIT = "split.count";

    private final Path path;
    private final GgufFile file;
    private final List<InputTensor> tensors = new ArrayList<>();

    private GgufInput(Path path, GgufFile file) {
        this.path = path;
        this.file = file;
        if (file.metadata().architecture().startsWith("setun-")) {
            throw file.metadata().error("general.architecture",
                    "is '" + file.metadata().architecture() + "': the weights are already quantized; start from the original model");
        }
        long parts = file.metadata().integer(SPLIT, 1);
        if (parts > 1) {
            throw new FormatException(file.name(), FormatException.NO_OFFSET, "metadata key '" + SPLIT + "'",
                    "is " + parts + ": this file is one of " + parts + " parts of a model",
                    "join them first with llama.cpp's llama-gguf-split --merge, or start from the safetensors files");
        }
        for (GgufTensor tensor : file.tensors()) {
            if (!Dequantizer.supports(tensor.type()) || tensor.dims().getFirst() > Integer.MAX_VALUE - 8) {
                throw new FormatException(file.name(), tensor.offset(), "tensor '" + tensor.name() + "'",
                        "of type " + tensor.type() + " and rows of " + tensor.dims().getFirst() + " values cannot be read as numbers",
                        "types " + Dequantizer.supported() + " can");
            }
            boolean takenOver = tensor.type() != GgmlType.I2_S;
            tensors.add(new InputTensor(tensor.name(), tensor.shape(), takenOver ? Optional.of(tensor.type()) : Optional.empty()));
        }
        String layers = architecture() + ".block_count";
        if (file.metadata().has(layers)) { // a projector of images has none
            LayerCheck.require(file.name(), architecture(), layers, file.metadata().integer(layers),
                    file.metadata().integer(architecture() + ".expert_count", 0) > 0, tensors);
        }
    }

    static GgufInput open(Path path) throws IOException {
        GgufFile file = GgufFile.open(path);
        try {
            return new GgufInput(path, file);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    @Override
    public String architecture() {
        return file.metadata().architecture();
    }

    @Override
    public List<Path> files() {
        return List.of(path);
    }

    @Override
    public Map<String, Path> sideFiles() {
        return Map.of();
    }

    @Override
    public List<InputTensor> tensors() {
        return List.copyOf(tensors);
    }

    @Override
    public WeightRows rows(InputTensor tensor) {
        GgmlType type = file.info(tensor.name()).type();
        MemorySegment bytes = file.tensor(tensor.name());
        if (type == GgmlType.I2_S) {
            return WeightRows.of(file.floats(tensor.name()), tensor.columns()); // its scale lies behind the last block
        }
        long rowBytes = type.bytes(tensor.columns());
        return WeightRows.of(tensor.rows(), tensor.columns(),
                (row, values, to) -> Dequantizer.decode(type, bytes, row * rowBytes, tensor.columns(), values, to));
    }

    @Override
    public Optional<MemorySegment> bytes(InputTensor tensor) {
        return tensor.type().map(_ -> file.tensor(tensor.name()));
    }

    @Override
    public void writeMetadata(GgufWriter writer) {
        for (String key : file.metadata().keys()) {
            if (!REPLACED.contains(key) && !key.startsWith("setun.") && !key.startsWith("split.")) {
                writer.copy(file, key);
            }
        }
    }

    @Override
    public void close() {
        file.close();
    }
}
