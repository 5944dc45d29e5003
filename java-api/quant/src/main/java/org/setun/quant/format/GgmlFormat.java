package org.setun.quant.format;

import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Optional;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;

/** A format that GGUF has a type for: its name, its blocks and their values are the type's. */
public interface GgmlFormat extends WeightFormat {

    /** The type of the blocks. */
    GgmlType type();

    @Override
    default String name() {
        return type().name().toLowerCase(Locale.ROOT);
    }

    @Override
    default int blockSize() {
        return type().blockSize();
    }

    @Override
    default int blockBytes() {
        return type().blockBytes();
    }

    @Override
    default Optional<GgmlType> ggmlType() {
        return Optional.of(type());
    }

    @Override
    default void decode(MemorySegment blocks, long at, int count, float[] values, int to) {
        Dequantizer.decode(type(), blocks, at, count, values, to);
    }
}
