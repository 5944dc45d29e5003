package org.setun.quant.blocks;

import java.lang.foreign.MemorySegment;

/** Writes the bytes of a rounded block. Stateless. */
@FunctionalInterface
interface Packing {

    /** Writes {@code block} at byte {@code at}. */
    void write(Block block, MemorySegment blocks, long at);
}
