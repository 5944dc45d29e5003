package org.setun.quant.format;

import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Optional;
import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;

/**
 * A GGUF type whose blocks can be read and taken over, but not made: the types that {@link WeightFormats} has no encoder for.
 *
 * @param type one that {@link Dequantizer} knows
 */
public record StoredFormat(GgmlType type) implements WeightFormat {

    public StoredFormat {
        if (!Dequantizer.supports(type)) {
            throw new IllegalArgumentException("type = " + type + " cannot be read as numbers; " + Dequantizer.supported() + " can");
        }
    }

    @Override
    public String name() {
        return type.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public int blockSize() {
        return type.blockSize();
    }

    @Override
    public int blockBytes() {
        return type.blockBytes();
    }

    @Override
    public Optional<GgmlType> ggmlType() {
        return Optional.of(type);
    }

    @Override
    public BlockRounder newRounder() {
        throw new UnsupportedOperationException("values cannot be rounded to " + type + "; only its bytes can be taken over");
    }

    @Override
    public void decode(MemorySegment blocks, long at, int count, float[] values, int to) {
        Dequantizer.decode(type, blocks, at, count, values, to);
    }
}
