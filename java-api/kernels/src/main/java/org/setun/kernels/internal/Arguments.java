package org.setun.kernels.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

/**
 * Fills a descriptor struct field by field, in the order of the header. One per thread, kept for its life: a call allocates nothing.
 * The scopes of the segments whose addresses are written are held until {@link #end()}: this keeps their memory from being collected while
 * the call runs, not from being closed. {@link #filled()} finds what was closed before; a shared arena must not be closed by another thread
 * after that, until the call is over.
 *
 * <p>Fields are written through one constant segment over the whole address space. Its bounds and life fold away, so that a field is a
 * single store, and filling a long descriptor does not use up what the compiler is willing to inline. After a kernel has swept the first-level
 * cache, each line that a call touches in Java costs: hence few objects here, and their sizes at hand.
 */
final class Arguments {

    static final int MOST_BYTES = 256;
    private static final int MOST_POINTERS = 16;
    private static final MemorySegment EVERYTHING = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    private static final ThreadLocal<Arguments> OF_THREAD = ThreadLocal.withInitial(Arguments::new);
    private static @Nullable Arguments latest; // of the newest thread: mostly the only one, and found faster than by the ThreadLocal

    private final Thread owner = Thread.currentThread();
    private final MemorySegment memory = Arena.ofAuto().allocate(MOST_BYTES, 64); // keeps what `start` points to
    private final long start = memory.address();
    private final MemorySegment.Scope[] held = new MemorySegment.Scope[MOST_POINTERS];
    private int holding;
    private long position;
    private @Nullable Struct struct;

    private Arguments() {
        latest = this;
    }

    /** The calling thread's struct, set to the first field after {@code size}. */
    static Arguments begin(Struct struct) {
        Arguments arguments = latest;
        if (arguments == null || arguments.owner != Thread.currentThread()) {
            arguments = OF_THREAD.get();
        }
        arguments.struct = struct;
        arguments.holding = 0;
        EVERYTHING.set(JAVA_LONG_UNALIGNED, arguments.start, struct.byteSize());
        arguments.position = Long.BYTES;
        return arguments;
    }

    Arguments i64(long value) {
        EVERYTHING.set(JAVA_LONG_UNALIGNED, next(Long.BYTES, JAVA_LONG), value);
        return this;
    }

    Arguments i32(int value) {
        EVERYTHING.set(JAVA_INT_UNALIGNED, next(Integer.BYTES, JAVA_INT), value);
        return this;
    }

    Arguments f32(float value) {
        EVERYTHING.set(JAVA_FLOAT_UNALIGNED, next(Float.BYTES, JAVA_FLOAT), value);
        return this;
    }

    Arguments flag(boolean value) {
        return i32(value ? 1 : 0);
    }

    /** A pointer; null is C's NULL. */
    Arguments pointer(@Nullable MemorySegment value) {
        long address = 0;
        if (value != null) {
            hold(value);
            address = value.address();
        }
        EVERYTHING.set(JAVA_LONG_UNALIGNED, next(Long.BYTES, ADDRESS), address);
        return this;
    }

    /**
     * The address of the filled struct, to be asked for between entering and leaving the gate of the context.
     *
     * @throws IllegalStateException if a segment was closed since it was written
     */
    long filled() {
        assert struct != null && position == struct.end() : struct + " filled up to byte " + position;
        for (int i = 0; i < holding; i++) {
            if (!held[i].isAlive()) {
                throw new IllegalStateException("an operand's memory was closed");
            }
        }
        return start;
    }

    private void hold(MemorySegment operand) {
        if (!operand.isAccessibleBy(Thread.currentThread())) {
            throw new WrongThreadException("an operand's memory is confined to another thread than " + Thread.currentThread());
        }
        if (!operand.isNative()) {
            throw new IllegalArgumentException("an operand is a heap segment; off-heap memory is needed");
        }
        MemorySegment.Scope scope = operand.scope();
        if (holding == 0 || held[holding - 1] != scope) { // storing a reference costs more than comparing it; operands mostly share a slab
            held[holding++] = scope;
        }
    }

    /** Lets go of the segments. */
    void end() {
        Arrays.fill(held, 0, holding, null);
        holding = 0;
    }

    /** The address of the next field, which has {@code size} bytes and is aligned to them. */
    private long next(int size, ValueLayout type) {
        long at = position + size - 1 & -size;
        assert struct != null && struct.hasField(at, type) : struct + " has no " + type + " at byte " + at;
        position = at + size;
        return start + at;
    }
}
