package org.setun.quant.format;

import org.setun.formats.gguf.Dequantizer;
import org.setun.formats.gguf.GgmlType;

/**
 * A GGUF type whose blocks can be read and taken over, but not made: the types that {@link WeightFormats} has no encoder for.
 *
 * @param type one that {@link Dequantizer} knows
 */
public record StoredFormat(GgmlType type) implements GgmlFormat {

    public StoredFormat {
        if (!Dequantizer.supports(type)) {
            throw new IllegalArgumentException("type = " + type + " cannot be read as numbers; " + Dequantizer.supported() + " can");
        }
    }

    @Override
    public BlockRounder newRounder() {
        throw new UnsupportedOperationException("values cannot be rounded to " + type + "; only its bytes can be taken over");
    }
}
