package org.setun.quant.pi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.BackendOptions;
import org.setun.kernels.Backends;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiOps;
import org.setun.kernels.PiScaling;
import org.setun.kernels.reference.PiBlocks;

/** Rounds values of the heap to nearest by the kernels; any number of threads may do so at once. */
final class PiEncoder {

    /** Values that go to the kernel together: many against the cost of a call, few against a second cache. */
    private static final int STRETCH = 1 << 15;

    /** One for the process, without workers: who encodes has threads of his own. */
    private static final class Kernels {
        static final PiOps SHARED = Backends.open(BackendOptions.defaults().withThreads(0).withBlas(null));
    }

    private PiEncoder() {
    }

    /**
     * Encodes {@code count} values, a multiple of {@link PiGrid#BLOCK}, to {@code blocks} from byte {@code at}.
     *
     * @return the index in {@code values} of the first block that has no step, or -1; its bytes and those behind it mean nothing
     */
    static int encode(PiGrid grid, PiScaling scaling, float[] values, int from, int count, float @Nullable [] importance,
            MemorySegment blocks, long at) {
        int most = Math.min(count, STRETCH);
        int blockBytes = grid.blockBytes();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment x = arena.allocate(ValueLayout.JAVA_FLOAT, most);
            MemorySegment weights = importance == null ? null : arena.allocate(ValueLayout.JAVA_FLOAT, most);
            MemorySegment encoded = arena.allocate((long) most / PiGrid.BLOCK * blockBytes);
            for (int done = 0; done < count; done += most) {
                int n = Math.min(most, count - done);
                int first = from + done;
                MemorySegment.copy(values, first, x, ValueLayout.JAVA_FLOAT, 0, n);
                if (weights != null) {
                    MemorySegment.copy(importance, first, weights, ValueLayout.JAVA_FLOAT, 0, n);
                }
                Kernels.SHARED.piQuantize(grid, scaling, x, 1, n, n, weights, 0, encoded);
                for (int block = 0; block < n / PiGrid.BLOCK; block++) {
                    if (Float.isNaN(PiBlocks.step(encoded, (long) block * blockBytes, grid.bits()))) {
                        return first + block * PiGrid.BLOCK;
                    }
                }
                long bytes = (long) n / PiGrid.BLOCK * blockBytes;
                MemorySegment.copy(encoded, 0, blocks, at, bytes);
                at += bytes;
            }
        }
        return -1;
    }
}
