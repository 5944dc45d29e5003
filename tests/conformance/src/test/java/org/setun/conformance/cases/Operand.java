package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * One segment argument of a case.
 *
 * @param content what it holds before the call
 * @param bound   largest error of each float after the call; null: the bits are promised
 */
public record Operand(String name, Type type, Role role, MemorySegment content, @Nullable Bound bound) {

    /** Element types, in the numbering of the replay vectors. */
    public enum Type {
        F32(4), F64(8), I32(4), I8(1), BF16(2);

        private final int bytes;

        Type(int bytes) {
            this.bytes = bytes;
        }

        public int bytes() {
            return bytes;
        }
    }

    /** What a call does with the operand. */
    public enum Role {
        IN, OUT, INOUT
    }

    /** Error bound of element {@code index}, whose exact value is {@code expected}. */
    public interface Bound {
        double at(int index, double expected);
    }

    public boolean written() {
        return role != Role.IN;
    }
}
