package org.setun.quant.rounding;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightRows;

/** Each value by itself; the rows of a slab are shared by the workers. */
record NearestRounding(WeightFormat format, Workers workers) implements Rounding {

    /** Values that are read before the workers share them: enough to keep them busy, little beside a model. */
    private static final int SLAB_VALUES = 1 << 22;

    @Override
    public void encode(WeightRows weights, long from, int count, float @Nullable [] importance, MemorySegment blocks, long at) {
        int columns = weights.columns();
        long rowBytes = RoundingChecks.rows(format, weights, from, count, importance, blocks, at);
        int slab = Math.max(1, Math.min(count, SLAB_VALUES / Math.max(1, columns)));
        float[][] rows = new float[slab][columns];
        for (int first = 0; first < count; first += slab) {
            int height = Math.min(slab, count - first);
            for (int r = 0; r < height; r++) {
                weights.read(from + first + r, rows[r], 0);
            }
            long start = at + first * rowBytes;
            workers.forEach(height, () -> format, (own, r) -> own.encode(rows[r], 0, columns, importance, blocks, start + r * rowBytes));
        }
    }

    @Override
    public void close() {
        // nothing was prepared
    }
}
