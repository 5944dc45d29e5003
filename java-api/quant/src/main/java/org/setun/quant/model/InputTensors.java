package org.setun.quant.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.setun.formats.FormatException;
import org.setun.quant.format.WeightRows;
import org.setun.quant.ptq.input.InputTensor;
import org.setun.quant.ptq.input.ModelInput;

/** The tensors of a model as {@code setun quantize} reads them: under their GGUF names, rows in GGUF's order. */
final class InputTensors implements TensorSource {

    private final ModelInput input;
    private final Map<String, InputTensor> tensors = new LinkedHashMap<>();

    /** Those of {@code input}, which stays open as long as they are read. */
    InputTensors(ModelInput input) {
        this.input = input;
        input.tensors().forEach(tensor -> tensors.put(tensor.name(), tensor));
    }

    @Override
    public Set<String> names() {
        return tensors.keySet();
    }

    Optional<long[]> shape(String name) {
        return Optional.ofNullable(tensors.get(name)).map(InputTensor::shape);
    }

    @Override
    public void require(String name, long... shape) {
        long[] found = shape(name).orElseThrow(() -> error("tensor " + name + " is missing"));
        if (!Arrays.equals(found, shape)) {
            throw error("tensor " + name + " has shape " + Arrays.toString(found) + ", the configuration asks for "
                    + Arrays.toString(shape));
        }
    }

    @Override
    public void readFloats(String name, MemorySegment out) {
        WeightRows rows = input.rows(tensors.get(name));
        float[] row = new float[rows.columns()];
        for (long i = 0; i < rows.rows(); i++) {
            rows.read(i, row, 0);
            MemorySegment.copy(row, 0, out, ValueLayout.JAVA_FLOAT_UNALIGNED, i * row.length * Float.BYTES, row.length);
        }
    }

    @Override
    public FormatException error(String message) {
        return new FormatException(input.files().getFirst().toString(), FormatException.NO_OFFSET, "model", message, "");
    }
}
