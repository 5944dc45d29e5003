package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.MachineLimit;

/**
 * What the calls of a kernel do, so that limits can be measured beside it.
 *
 * @param format       layout of the weights
 * @param multiplyAdds of one call; 0 where that is no measure
 * @param peak         the limit of these multiply-adds
 * @param traffic      what one call moves
 * @param set          the operands that the calls walk through: {@code copies} pieces of the same size, one for each call
 * @param copies       distinct operands
 * @param check        how a result was checked: {@code exact} or {@code bound}
 * @param call         calls the kernel on the operands of that index
 */
record Work(String format, double multiplyAdds, @Nullable MachineLimit peak, Traffic traffic, MemorySegment set, int copies, String check,
        IntConsumer call) {

    /**
     * Memory traffic of one call.
     *
     * @param bytes  that are read (or read and written)
     * @param passes how often a reading kernel goes through its piece of the set
     * @param copies true if it is to be compared with copying, false with reading
     * @param inPlace true if what is written is what was read: unlike a copy, it fetches no line only to overwrite it
     */
    record Traffic(long bytes, int passes, boolean copies, boolean inPlace) {

        static Traffic read(long bytes) {
            return new Traffic(bytes, 1, false, false);
        }

        static Traffic readTwice(long bytes) {
            return new Traffic(2 * bytes, 2, false, false);
        }

        static Traffic copy(long bytesRead, long bytesWritten) {
            return new Traffic(bytesRead + bytesWritten, 1, true, false);
        }

        static Traffic inPlace(long bytes) {
            return new Traffic(2 * bytes, 1, true, true);
        }
    }

    long pieceBytes() {
        return set.byteSize() / copies;
    }

    /** The piece of the set that call {@code index} works on. */
    static MemorySegment piece(MemorySegment set, int copies, int index) {
        long bytes = set.byteSize() / copies;
        return set.asSlice(index % copies * bytes, bytes);
    }
}
