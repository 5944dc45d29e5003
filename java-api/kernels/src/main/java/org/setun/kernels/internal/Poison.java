package org.setun.kernels.internal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What debug mode fills fresh and freed memory with: NaN as f64, f32 and (every other) f16 and bf16, and an impossible index as i32. */
public final class Poison {

    private static final int WORD = 0xFFFDA5A5;

    private Poison() {
    }

    /** Fills memory whose length is a multiple of 4. */
    public static void fill(MemorySegment memory) {
        if (memory.byteSize() > 0) {
            memory.set(ValueLayout.JAVA_INT_UNALIGNED, 0, WORD);
            // Doubling copies: each fills as much again as is there.
            for (long done = 4; done < memory.byteSize(); done *= 2) {
                long next = Math.min(done, memory.byteSize() - done);
                MemorySegment.copy(memory, 0, memory, done, next);
            }
        }
    }

    /** Offset of the first byte that is no longer poison, or -1; the length is a multiple of 4. */
    public static long firstChange(MemorySegment memory) {
        if (memory.byteSize() == 0) {
            return -1;
        }
        if (memory.get(ValueLayout.JAVA_INT_UNALIGNED, 0) != WORD) {
            return 0;
        }
        // All words equal the first exactly if the memory equals itself shifted by one word.
        long same = memory.byteSize() - 4;
        long mismatch = memory.asSlice(0, same).mismatch(memory.asSlice(4, same));
        return mismatch < 0 ? -1 : mismatch + 4;
    }
}
