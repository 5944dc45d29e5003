package org.setun.kernels.reference;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.PiGrid;
import org.setun.kernels.PiScaling;

/**
 * One block of a pi format: 256 codes of 2 or 3 bits, least significant bit first (value i at bits {@code bits * i} of the codes as one
 * little-endian number, so that 4 values fill a byte and 8 values 3 bytes), then the step as f16.
 */
public final class PiBlocks {

    private static final int LANES = 16;
    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Added and taken away again, it leaves a float below 2^22 rounded to the nearest integer, ties to even. */
    private static final float ROUNDER = 0x1.8p23f;

    private PiBlocks() {
    }

    /**
     * The step for the 256 values from index {@code from}: a float that f16 holds. Errors are summed in 16 lanes of fp32 (lane j takes the
     * values i with i mod 16 = j, rising), folded by halves, and multiplied by the square of the step.
     *
     * @param importance of each value's square error, at the same indices, or null
     * @return 0 if all candidates vanish in f16; NaN if a value is not finite or no candidate fits f16
     */
    public static float step(float[] values, int from, float @Nullable [] importance, PiGrid grid, PiScaling scaling) {
        float base = base(values, from, scaling.base());
        float first = half(base * scaling.factor(0));
        float best = Float.isFinite(first) ? first : Float.NaN;
        if (Float.isNaN(base) || (scaling.count() == 1 && !scaling.bothSigns())) {
            return best;
        }
        float least = Float.POSITIVE_INFINITY;
        float[] lanes = new float[LANES];
        for (int c = 0; c < scaling.count(); c++) {
            float magnitude = half(base * scaling.factor(c));
            if (magnitude == 0 || !Float.isFinite(magnitude)) {
                continue;
            }
            for (int sign = 0; sign < (scaling.bothSigns() ? 2 : 1); sign++) {
                float step = sign == 0 ? magnitude : -magnitude;
                float error = error(values, from, importance, grid, 1 / step, lanes) * (magnitude * magnitude);
                if (error < least) {
                    least = error;
                    best = step;
                }
            }
        }
        return best;
    }

    /** The code of {@code value} in a block of this step. */
    public static int code(float value, float step, PiGrid grid) {
        return step == 0 || Float.isNaN(step) ? grid.zeroCode() : grid.code(value * (1 / step));
    }

    /** Writes 256 codes and a step, which f16 must hold, at byte {@code at}. */
    public static void write(byte[] codes, float step, PiGrid grid, MemorySegment blocks, long at) {
        int bits = grid.bits();
        int[] packed = new int[PiGrid.BLOCK * bits / 8];
        for (int i = 0; i < PiGrid.BLOCK; i++) {
            int bit = bits * i;
            int shifted = codes[i] << bit % 8;
            packed[bit / 8] |= shifted;
            if (shifted > 0xFF) {
                packed[bit / 8 + 1] |= shifted >> 8;
            }
        }
        for (int i = 0; i < packed.length; i++) {
            blocks.set(ValueLayout.JAVA_BYTE, at + i, (byte) packed[i]);
        }
        blocks.set(HALF, at + packed.length, Float.floatToFloat16(step));
    }

    /** The 256 codes of the block at byte {@code at}, into {@code codes}. */
    public static void codes(MemorySegment blocks, long at, int bits, byte[] codes) {
        int mask = (1 << bits) - 1;
        int last = PiGrid.BLOCK * bits / 8 - 1;
        for (int i = 0; i < PiGrid.BLOCK; i++) {
            int bit = bits * i;
            int low = blocks.get(ValueLayout.JAVA_BYTE, at + bit / 8) & 0xFF;
            int high = bit / 8 < last ? blocks.get(ValueLayout.JAVA_BYTE, at + bit / 8 + 1) & 0xFF : 0;
            codes[i] = (byte) ((low | high << 8) >> bit % 8 & mask);
        }
    }

    /** The step of the block at byte {@code at}. */
    public static float step(MemorySegment blocks, long at, int bits) {
        return Float.float16ToFloat(blocks.get(HALF, at + PiGrid.BLOCK * bits / 8));
    }

    /** The values of the block at byte {@code at}, from index {@code to}. */
    public static void decode(MemorySegment blocks, long at, PiGrid grid, float[] values, int to) {
        byte[] codes = new byte[PiGrid.BLOCK];
        codes(blocks, at, grid.bits(), codes);
        float step = step(blocks, at, grid.bits());
        for (int i = 0; i < codes.length; i++) {
            values[to + i] = grid.level(codes[i]) * step;
        }
    }

    private static float half(float value) {
        return Float.float16ToFloat(Float.floatToFloat16(value));
    }

    /** NaN if a value is NaN or infinite. */
    private static float base(float[] values, int from, PiScaling.Base base) {
        float absmax = 0;
        for (int i = from; i < from + PiGrid.BLOCK; i++) {
            absmax = Math.max(absmax, Math.abs(values[i])); // NaN wins
        }
        if (!Float.isFinite(absmax)) {
            return Float.NaN;
        }
        if (base == PiScaling.Base.ABSMAX) {
            return absmax;
        }
        double sum = FixedSums.squares(MemorySegment.ofArray(values).asSlice(4L * from, 4L * PiGrid.BLOCK), PiGrid.BLOCK);
        return (float) Math.sqrt(sum / PiGrid.BLOCK);
    }

    /** The sum of (weighted) squares of what rounding takes away, in units of the squared step. */
    private static float error(float[] values, int from, float @Nullable [] importance, PiGrid grid, float inverse, float[] lanes) {
        float[] squares = grid.isUniform()
                ? uniformSquares(values, from, inverse, grid.zeroCode())
                : symmetricSquares(values, from, inverse, grid.magnitudes());
        if (importance != null) {
            for (int i = 0; i < PiGrid.BLOCK; i++) {
                squares[i] *= importance[from + i];
            }
        }
        for (int j = 0; j < LANES; j++) {
            lanes[j] = 0;
        }
        for (int i = 0; i < PiGrid.BLOCK; i += LANES) {
            for (int j = 0; j < LANES; j++) {
                lanes[j] += squares[i + j];
            }
        }
        for (int half = LANES / 2; half > 0; half /= 2) {
            for (int j = 0; j < half; j++) {
                lanes[j] += lanes[j + half];
            }
        }
        return lanes[0];
    }

    private static float[] uniformSquares(float[] values, int from, float inverse, int half) {
        float[] squares = new float[PiGrid.BLOCK];
        for (int i = 0; i < PiGrid.BLOCK; i++) {
            float z = values[from + i] * inverse;
            float level = Math.max(-half, Math.min(half - 1, z)) + ROUNDER - ROUNDER;
            float lost = z - level;
            squares[i] = lost * lost;
        }
        return squares;
    }

    private static float[] symmetricSquares(float[] values, int from, float inverse, int[] magnitudes) {
        float[] squares = new float[PiGrid.BLOCK];
        for (int i = 0; i < PiGrid.BLOCK; i++) {
            float z = Math.abs(values[from + i] * inverse);
            float lost = Math.abs(z - magnitudes[0]);
            for (int l = 1; l < magnitudes.length; l++) {
                lost = Math.min(lost, Math.abs(z - magnitudes[l]));
            }
            squares[i] = lost * lost;
        }
        return squares;
    }
}
