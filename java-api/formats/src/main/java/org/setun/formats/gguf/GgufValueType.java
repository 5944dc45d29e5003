package org.setun.formats.gguf;

import java.util.Optional;

/** Types of GGUF metadata values; the ordinal is the number in the file. */
enum GgufValueType {
    UINT8(1), INT8(1), UINT16(2), INT16(2), UINT32(4), INT32(4), FLOAT32(4), BOOL(1), STRING(8), ARRAY(12), UINT64(8), INT64(8), FLOAT64(8);

    private final int leastBytes;

    GgufValueType(int leastBytes) {
        this.leastBytes = leastBytes;
    }

    static Optional<GgufValueType> of(long id) {
        return id < values().length ? Optional.of(values()[(int) id]) : Optional.empty();
    }

    /** The fewest bytes that a value takes. */
    int leastBytes() {
        return leastBytes;
    }
}
