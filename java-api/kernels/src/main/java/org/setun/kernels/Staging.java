package org.setun.kernels;

import java.lang.foreign.MemorySegment;

/** Scratch memory of one call: where operands are put that kernels cannot use in place, because they are on the heap or unaligned. */
final class Staging implements AutoCloseable {

    private static final long ALIGNMENT = 64;

    private final MemoryPool pool;
    private final Buffer buffer;
    private long position;

    /** @param bytes the sum of {@link #room} and {@link #roomIfCopied} of all that will be asked for */
    Staging(MemoryPool pool, long bytes) {
        this.pool = pool;
        buffer = pool.allocate(bytes);
    }

    /** What a piece of {@code bytes} takes. */
    static long room(long bytes) {
        return Math.addExact(bytes, ALIGNMENT - 1) & -ALIGNMENT;
    }

    /** What an operand takes: nothing if it can be used in place. */
    static long roomIfCopied(MemorySegment operand, long bytes) {
        return isUsable(operand) ? 0 : room(bytes);
    }

    /** A piece with undefined contents. */
    MemorySegment piece(long bytes) {
        MemorySegment piece = buffer.segment().asSlice(position, bytes);
        position += room(bytes);
        return piece;
    }

    /** The first {@code bytes} of an input, in place or copied. */
    MemorySegment input(MemorySegment operand, long bytes) {
        return isUsable(operand) ? operand.asSlice(0, bytes) : piece(bytes).copyFrom(operand.asSlice(0, bytes));
    }

    /** Where to write an output: in place, or a piece for {@link #finish}. */
    MemorySegment output(MemorySegment operand, long bytes) {
        return isUsable(operand) ? operand.asSlice(0, bytes) : piece(bytes);
    }

    /** Copies an output that was not written in place. */
    static void finish(MemorySegment written, MemorySegment operand) {
        if (!isUsable(operand)) {
            MemorySegment.copy(written, 0, operand, 0, written.byteSize());
        }
    }

    @Override
    public void close() {
        pool.free(buffer);
    }

    private static boolean isUsable(MemorySegment operand) {
        return operand.isNative() && operand.address() % Float.BYTES == 0;
    }
}
