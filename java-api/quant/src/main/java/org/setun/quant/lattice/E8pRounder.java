package org.setun.quant.lattice;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.E8pPoints;
import org.setun.quant.format.BlockRounder;
import org.setun.quant.rounding.ScaleSearch;

/**
 * Rounds a block of {@link E8pFormat}. The scale is searched for the least (weighted) square error; the point of a group is the nearest one,
 * whatever the importance of its entries.
 */
final class E8pRounder implements BlockRounder {

    /** Ten scales 18 % apart, then to 9 and 4 %: more points gain less than 0.1 % of the error. */
    private static final ScaleSearch SEARCH = ScaleSearch.mse(10, 2);
    /** Steps above this are infinite as f16. */
    private static final float MOST_STEP = 65504;

    private final E8pGrid grid;
    private final int[] codes = new int[E8pFormat.GROUPS];
    private final int[] former = new int[E8pFormat.GROUPS];
    private final boolean[] known = new boolean[E8pFormat.GROUPS];
    private final int[] point = new int[E8pPoints.DIMENSION];
    private short half;
    private float step;
    private float inverse;

    E8pRounder(E8pGrid grid) {
        this.grid = grid;
    }

    @Override
    public void fit(float[] values, int from, float @Nullable [] importance) {
        float scale = SEARCH.scale(grid, values, from, E8pFormat.BLOCK, importance);
        float exact = scale / grid.divisor();
        if (!(exact <= MOST_STEP)) {
            throw new IllegalArgumentException("step = " + exact + " of the block cannot be stored as f16; scale the weights down");
        }
        half = Float.floatToFloat16(exact);
        step = Float.float16ToFloat(half);
        inverse = step > 0 ? 1 / (step * grid.divisor()) : 0;
        Arrays.fill(known, false);
    }

    @Override
    public void round(int index, float[] values, int from, float[] rounded, int to) {
        int group = index / E8pPoints.DIMENSION;
        int last = codes[group];
        if (known[group] && is(former[group], values, from)) {
            // two stages are not idempotent: what a group stood for before must give the same codes again
            codes[group] = former[group];
        } else {
            codes[group] = grid.codes(values, from, inverse);
        }
        former[group] = last;
        known[group] = true;
        grid.integers(codes[group], point);
        for (int i = 0; i < point.length; i++) {
            rounded[to + i] = step * point[i];
        }
    }

    /** Whether the values are those of these codes, up to their own roundings. */
    private boolean is(int code, float[] values, int from) {
        grid.integers(code, point);
        for (int i = 0; i < point.length; i++) {
            if (!(Math.abs(values[from + i] - step * point[i]) <= 1e-3f * step)) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void write(MemorySegment blocks, long at) {
        for (int g = 0; g < codes.length; g++) {
            blocks.set(E8pFormat.SHORT, at + 2L * g, (short) codes[g]);
            long second = at + 2L * codes.length;
            if (grid.bits() == 3) {
                blocks.set(ValueLayout.JAVA_BYTE, second + g, (byte) (codes[g] >>> 16));
            } else if (grid.bits() == 4) {
                blocks.set(E8pFormat.SHORT, second + 2L * g, (short) (codes[g] >>> 16));
            }
        }
        blocks.set(E8pFormat.SHORT, at + 2L * codes.length + second(), half);
    }

    private int second() {
        return (grid.bits() - 2) * codes.length;
    }
}
