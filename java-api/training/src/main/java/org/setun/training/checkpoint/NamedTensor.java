package org.setun.training.checkpoint;

import java.lang.foreign.MemorySegment;
import org.setun.formats.safetensors.DType;

/** A tensor as it goes into a checkpoint. */
public record NamedTensor(String name, DType type, long[] shape, MemorySegment data) {

    /** An F32 tensor. */
    public NamedTensor(String name, long[] shape, MemorySegment data) {
        this(name, DType.F32, shape, data);
    }
}
