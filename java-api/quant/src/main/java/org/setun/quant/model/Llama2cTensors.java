package org.setun.quant.model;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Set;
import org.setun.formats.FormatException;
import org.setun.formats.llama2c.Llama2cModel;

/** The tensors of a llama2.c checkpoint. */
final class Llama2cTensors implements TensorSource {

    private final Llama2cModel file;
    private final String name;

    /** Those of {@code file}, which stays open as long as they are read; {@code name} stands in messages. */
    Llama2cTensors(Llama2cModel file, String name) {
        this.file = file;
        this.name = name;
    }

    @Override
    public Set<String> names() {
        return file.names();
    }

    @Override
    public void require(String tensor, long... shape) {
        if (!Arrays.equals(file.shape(tensor), shape)) {
            throw error("tensor " + tensor + " has shape " + Arrays.toString(file.shape(tensor)) + ", the header asks for "
                    + Arrays.toString(shape));
        }
    }

    @Override
    public void readFloats(String tensor, MemorySegment out) {
        out.copyFrom(MemorySegment.ofArray(file.floats(tensor)));
    }

    @Override
    public FormatException error(String message) {
        return new FormatException(name, FormatException.NO_OFFSET, "model", message, "");
    }
}
