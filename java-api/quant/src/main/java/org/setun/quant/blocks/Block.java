package org.setun.quant.blocks;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One block on its way from values to bytes: the values and weights to fit, divided by powers of two so that the largest of each lies in
 * [1, 2) and no square over- or underflows; then what a {@link BlockFit} chose; then the codes. A value of group g is decoded as
 * {@code steps[g] * code - offsets[g]}, in fp32.
 */
final class Block {

    private static final int MAX_HALF_BITS = 0x7BFF;
    private static final int LEAST_NORMAL_HALF_BITS = 0x0400;

    /** The weight of values in a group of no importance at all, so that its scales still follow its values. */
    private static final double UNIMPORTANT = 0x1p-100;

    final int size;
    final int groupSize;
    final int groups;

    /** Values and weights to fit, scaled; weights are all 1 where none are given, or where those of a group are all 0. */
    final double[] values;
    final double[] weights;
    private int exponent;

    /** The half-precision numbers of the block, as bits. */
    short scale;
    short min;
    /** Integer scales and minima of the groups, where the type has them. */
    final int[] groupScales;
    final int[] groupMins;
    final float[] steps;
    final float[] offsets;
    final byte[] codes;

    Block(int size, int groupSize) {
        this.size = size;
        this.groupSize = groupSize;
        this.groups = size / groupSize;
        this.values = new double[size];
        this.weights = new double[size];
        this.groupScales = new int[groups];
        this.groupMins = new int[groups];
        this.steps = new float[groups];
        this.offsets = new float[groups];
        this.codes = new byte[size];
    }

    /** Takes the values to fit, none above {@code limit} in magnitude; false if all are zero. */
    boolean load(float[] from, int at, float @Nullable [] importance, float limit) {
        float largest = 0;
        for (int i = 0; i < size; i++) {
            float magnitude = Math.abs(from[at + i]);
            if (!(magnitude <= Float.MAX_VALUE)) {
                throw new IllegalArgumentException("value " + from[at + i] + " at index " + (at + i) + " is not finite");
            }
            largest = Math.max(largest, magnitude);
        }
        if (largest > limit) {
            throw new IllegalArgumentException("value of magnitude " + largest + " is above " + limit
                    + ", the most that scales in half precision reach; store the matrix as F32");
        }
        exponent = Math.getExponent(largest);
        double factor = Math.scalb(1.0, -exponent);
        for (int i = 0; i < size; i++) {
            values[i] = from[at + i] * factor;
        }
        loadWeights(importance, at);
        return largest > 0;
    }

    private void loadWeights(float @Nullable [] importance, int at) {
        if (importance == null) {
            Arrays.fill(weights, 1);
            return;
        }
        float largest = 0;
        for (int i = 0; i < size; i++) {
            float weight = importance[at + i];
            if (!(weight >= 0 && weight <= Float.MAX_VALUE)) {
                throw new IllegalArgumentException("importance " + weight + " at index " + (at + i) + " must be finite and not negative");
            }
            largest = Math.max(largest, weight);
        }
        double factor = Math.scalb(1.0, -Math.getExponent(largest));
        for (int first = 0; first < size; first += groupSize) {
            double sum = 0;
            for (int i = first; i < first + groupSize; i++) {
                weights[i] = importance[at + i] * factor;
                sum += weights[i];
            }
            if (sum == 0) {
                Arrays.fill(weights, first, first + groupSize, largest == 0 ? 1 : UNIMPORTANT);
            }
        }
    }

    /** The weighted square error of storing zeros. */
    double energy() {
        double energy = 0;
        for (int i = 0; i < size; i++) {
            energy += weights[i] * values[i] * values[i];
        }
        return energy;
    }

    /** Whether a half is so small that it has less than full precision. */
    static boolean coarse(short bits) {
        return (bits & 0x7FFF) < LEAST_NORMAL_HALF_BITS;
    }

    /** Whether a half is 0 or -0. */
    static boolean zero(short bits) {
        return (bits & 0x7FFF) == 0;
    }

    /** The bits of the finite half nearest to {@code scaled}, a number in the units of {@link #values}. */
    short half(double scaled) {
        short bits = Float.floatToFloat16((float) Math.scalb(scaled, exponent));
        return (bits & 0x7FFF) > MAX_HALF_BITS ? (short) (bits & 0x8000 | MAX_HALF_BITS) : bits;
    }

    /** The half next to {@code bits}, {@code direction} 1 away from zero or -1 towards it; finite, and of the same sign. */
    static short neighbour(short bits, int direction) {
        int magnitude = Math.clamp((bits & 0x7FFF) + direction, 0, MAX_HALF_BITS);
        return (short) (bits & 0x8000 | magnitude);
    }

    /** What a half stands for in the units of {@link #values}. */
    double scaled(short bits) {
        return Math.scalb((double) Float.float16ToFloat(bits), -exponent);
    }

    /** Sets the decoded steps and offsets from the numbers above; {@code integers} says whether groups have their own. */
    void finish(boolean integers) {
        float d = Float.float16ToFloat(scale);
        float m = Float.float16ToFloat(min);
        for (int g = 0; g < groups; g++) {
            steps[g] = integers ? d * groupScales[g] : d;
            offsets[g] = integers ? m * groupMins[g] : m;
        }
    }
}
