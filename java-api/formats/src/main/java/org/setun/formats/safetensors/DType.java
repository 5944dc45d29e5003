package org.setun.formats.safetensors;

import java.util.Optional;

/** Element types of safetensors files that are read and written here. */
public enum DType {
    F64(8), F32(4), F16(2), BF16(2), I64(8), I32(4), I16(2), I8(1), U8(1), BOOL(1);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /** The type of a name in a header; empty if it is not supported. */
    public static Optional<DType> of(String name) {
        for (DType type : values()) {
            if (type.name().equals(name)) {
                return Optional.of(type);
            }
        }
        return Optional.empty();
    }

    /** Bytes per element. */
    public int bytes() {
        return bytes;
    }
}
