package org.setun.training.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.setun.formats.safetensors.DType;
import org.setun.nn.Model;
import org.setun.nn.Parameter;

/** A tensor as it goes into a checkpoint. */
public record NamedTensor(String name, DType type, long[] shape, MemorySegment data) {

    /** An F32 tensor. */
    public NamedTensor(String name, long[] shape, MemorySegment data) {
        this(name, DType.F32, shape, data);
    }

    /** Parameters and buffers of {@code model}; they share its memory. */
    public static List<NamedTensor> of(Model model) {
        return Stream.concat(model.parameters().stream(), model.buffers().stream()).map(NamedTensor::of).toList();
    }

    private static NamedTensor of(Parameter parameter) {
        long[] shape = new long[parameter.shape().rank()];
        Arrays.setAll(shape, parameter.shape()::dimension);
        return new NamedTensor(parameter.name(), shape, parameter.value().segment());
    }
}
