package org.setun.quant.calibration;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.BiConsumer;
import org.setun.kernels.Backend;
import org.setun.kernels.Buffer;
import org.setun.kernels.MemoryPool;
import org.setun.nn.Tensor;

/**
 * Sums {@code x^T x} over the rows of an input: the Hessian of the square error of any row of a weight that is multiplied with them, up to a
 * factor of two. Products of up to {@value #PARTIAL_ROWS} rows are summed in fp32, those sums in fp64, so an entry is off by at most
 * {@code PARTIAL_ROWS * 2^-24} of the sum of its magnitudes, however many rows there are. Not thread-safe.
 */
final class HessianSum {

    /** Rows whose products are summed in fp32. */
    static final int PARTIAL_ROWS = 4096;

    private final Backend backend;
    private final MemoryPool memory;
    private final int columns;
    private final Buffer partial;
    private final Buffer total;
    private long partialRows;
    private long rows;

    HessianSum(Backend backend, MemoryPool memory, int columns) {
        this.backend = backend;
        this.memory = memory;
        this.columns = columns;
        partial = memory.allocate(4L * columns * columns);
        total = memory.allocate(8L * columns * columns);
        total.segment().fill((byte) 0);
    }

    /** Bytes that one for {@code columns} takes. */
    static long bytes(int columns) {
        return 12L * columns * columns;
    }

    /** Adds the rows of {@code x} F32[n][columns]. */
    void add(Tensor x) {
        for (long from = 0; from < x.rows();) {
            long count = Math.min(PARTIAL_ROWS - partialRows, x.rows() - from);
            MemorySegment slice = x.slice(from, from + count).segment();
            backend.gemmF32(true, false, columns, columns, count, 1, slice, columns, slice, columns, partialRows == 0 ? 0 : 1,
                    partial.segment(), columns);
            partialRows += count;
            from += count;
            if (partialRows == PARTIAL_ROWS) {
                flush();
            }
        }
        rows += x.rows();
    }

    private void flush() {
        MemorySegment from = partial.segment();
        MemorySegment to = total.segment();
        for (long i = 0; i < (long) columns * columns && partialRows > 0; i++) {
            to.setAtIndex(ValueLayout.JAVA_DOUBLE, i,
                    to.getAtIndex(ValueLayout.JAVA_DOUBLE, i) + from.getAtIndex(ValueLayout.JAVA_FLOAT, i));
        }
        partialRows = 0;
    }

    /** The mean of {@code x^T x} over all rows, F32[columns][columns], exactly symmetric; zeros if there were none. Ends this sum. */
    MemorySegment finish() {
        flush();
        float[] mean = new float[Math.multiplyExact(columns, columns)];
        MemorySegment sums = total.segment();
        for (int i = 0; i < columns; i++) {
            for (int j = i; j < columns && rows > 0; j++) {
                float value = (float) (sums.getAtIndex(ValueLayout.JAVA_DOUBLE, (long) i * columns + j) / rows);
                mean[i * columns + j] = value;
                mean[j * columns + i] = value;
            }
        }
        free();
        return MemorySegment.ofArray(mean);
    }

    /** Both sums, to be saved and restored under {@code name}; {@link #resume} follows. */
    void state(String name, BiConsumer<String, MemorySegment> sink) {
        sink.accept(name + ".partial", partial.segment().asSlice(0, 4L * columns * columns));
        sink.accept(name + ".total", total.segment().asSlice(0, 8L * columns * columns));
    }

    /** Goes on after {@code count} rows. */
    void resume(long count) {
        rows = count;
        partialRows = count % PARTIAL_ROWS;
    }

    void free() {
        memory.free(partial);
        memory.free(total);
    }
}
