package org.setun.quant.model;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import org.setun.formats.FormatException;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufFile;
import org.setun.formats.gguf.GgufTensor;

/** The tensors of a GGUF file. */
public class GgufTensors implements TensorSource {

    private final GgufFile file;
    private final Set<String> names;

    /** Those of {@code file}, which stays open as long as they are read. */
    public GgufTensors(GgufFile file) {
        this.file = file;
        this.names = file.tensors().stream().map(GgufTensor::name).collect(Collectors.toUnmodifiableSet());
    }

    @Override
    public Set<String> names() {
        return names;
    }

    @Override
    public void require(String name, long... shape) {
        GgufTensor info = file.info(name);
        if (!Arrays.equals(info.shape(), shape)) {
            throw new FormatException(file.name(), info.offset(), "tensor '" + name + "'",
                    "has shape " + Arrays.toString(info.shape()) + ", the metadata ask for " + Arrays.toString(shape), "");
        }
    }

    @Override
    public void readFloats(String name, MemorySegment out) {
        if (file.info(name).type() == GgmlType.F32) {
            out.copyFrom(file.tensor(name));
        } else {
            out.copyFrom(MemorySegment.ofArray(file.floats(name)));
        }
    }

    @Override
    public FormatException error(String message) {
        return new FormatException(file.name(), FormatException.NO_OFFSET, "model", message, "");
    }
}
