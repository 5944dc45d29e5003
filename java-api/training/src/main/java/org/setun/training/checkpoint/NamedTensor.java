package org.setun.training.checkpoint;

import java.lang.foreign.MemorySegment;

/** An fp32 tensor as it goes into a checkpoint. */
public record NamedTensor(String name, long[] shape, MemorySegment data) {
}
