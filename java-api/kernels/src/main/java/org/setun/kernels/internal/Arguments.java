package org.setun.kernels.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * Fills a descriptor struct field by field, in the order of the header. One per thread, kept for its life: a call allocates nothing.
 * Segments whose addresses are written are held until {@link #end()}, so that none is collected or unmapped while the call runs.
 */
final class Arguments {

    private static final int MOST_POINTERS = 16;
    private static final ThreadLocal<Arguments> OF_THREAD = ThreadLocal.withInitial(Arguments::new);

    private final MemorySegment memory = Arena.ofAuto().allocate(256, 64);
    private final MemorySegment[] held = new MemorySegment[MOST_POINTERS];
    private int holding;
    private long position;
    private @Nullable Struct struct;

    private Arguments() {
    }

    /** The calling thread's struct, set to the first field after {@code size}. */
    static Arguments begin(Struct struct) {
        Arguments arguments = OF_THREAD.get();
        arguments.struct = struct;
        arguments.holding = 0;
        arguments.memory.set(JAVA_LONG, 0, struct.byteSize());
        arguments.position = Long.BYTES;
        return arguments;
    }

    Arguments i64(long value) {
        memory.set(JAVA_LONG, next(JAVA_LONG), value);
        return this;
    }

    Arguments i32(int value) {
        memory.set(JAVA_INT, next(JAVA_INT), value);
        return this;
    }

    Arguments f32(float value) {
        memory.set(JAVA_FLOAT, next(JAVA_FLOAT), value);
        return this;
    }

    Arguments flag(boolean value) {
        return i32(value ? 1 : 0);
    }

    /** A pointer; null is C's NULL. */
    Arguments pointer(@Nullable MemorySegment value) {
        long at = next(ADDRESS);
        if (value == null) {
            memory.set(ADDRESS, at, MemorySegment.NULL);
        } else {
            held[holding++] = value;
            memory.set(ADDRESS, at, value);
        }
        return this;
    }

    /**
     * The filled struct.
     *
     * @throws IllegalStateException if a segment was closed since it was written
     * @throws WrongThreadException  if a segment belongs to another thread
     */
    MemorySegment segment() {
        assert struct != null && position == struct.end() : struct + " filled up to byte " + position;
        for (int i = 0; i < holding; i++) {
            MemorySegment operand = held[i];
            if (!operand.scope().isAlive()) {
                throw new IllegalStateException("an operand's memory was closed");
            }
            if (!operand.isAccessibleBy(Thread.currentThread())) {
                throw new WrongThreadException("an operand's memory is confined to another thread than " + Thread.currentThread());
            }
        }
        return memory;
    }

    /** Lets go of the segments. */
    void end() {
        Arrays.fill(held, 0, holding, null);
        holding = 0;
    }

    private long next(ValueLayout type) {
        long at = Struct.aligned(position, type.byteAlignment());
        assert struct != null && struct.hasField(at, type) : struct + " has no " + type + " at byte " + at;
        position = at + type.byteSize();
        return at;
    }
}
