package org.setun.quant.rounding;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.setun.quant.format.WeightFormat;
import org.setun.quant.format.WeightRows;

/** The arguments that every rounding takes. */
final class RoundingChecks {

    private RoundingChecks() {
    }

    /** The bytes of a row. */
    static long rows(WeightFormat format, WeightRows weights, long from, int count, float @Nullable [] importance, MemorySegment blocks,
            long at) {
        int columns = weights.columns();
        long rowBytes = format.rowBytes(columns);
        Objects.checkFromIndexSize(from, count, weights.rows());
        Objects.checkFromIndexSize(at, Math.multiplyExact(count, rowBytes), blocks.byteSize());
        if (importance != null) {
            if (importance.length != columns) {
                throw new IllegalArgumentException("importance has " + importance.length + " values; there are " + columns + " columns");
            }
            for (int j = 0; j < columns; j++) {
                if (!(importance[j] >= 0) || importance[j] == Float.POSITIVE_INFINITY) {
                    throw new IllegalArgumentException(
                            "importance[" + j + "] = " + importance[j] + " must be finite and not negative; was the calibration broken?");
                }
            }
        }
        return rowBytes;
    }
}
