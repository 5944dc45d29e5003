package org.setun.kernels.reference;

import org.jspecify.annotations.Nullable;

/**
 * 256 weights of a row: value i is {@code (d * s) * c - e * z}, with s and z of i's sub-block.
 *
 * @param codes   c, less the format's zero
 * @param real    d of each 32 values where the format has that; {@code whole} and {@code d} do not count then
 * @param whole   s of each sub-block; one that is 1 where the format has no sub-blocks
 * @param minima  z of each sub-block, or null: the format has none
 */
record BlockWeights(int[] codes, float @Nullable [] real, int[] whole, int @Nullable [] minima, float d, float e) {

    static BlockWeights real(int[] codes, float[] scales) {
        return new BlockWeights(codes, scales, new int[scales.length], null, 0, 0);
    }

    static BlockWeights whole(int[] codes, int[] scales, float d) {
        return new BlockWeights(codes, null, scales, null, d, 0);
    }

    /** Value i as fp32. */
    float value(int i) {
        int sub = i * whole.length / codes.length;
        float scaled = (real != null ? real[sub] : d * whole[sub]) * codes[i];
        return minima == null ? scaled : scaled - e * minima[sub];
    }

    /** The product with the codes of activations from {@code first} on, without their step. */
    float dot(byte[] q, int first) {
        int perSub = codes.length / whole.length;
        float sum = 0;
        int scaled = 0;
        int shift = 0;
        for (int sub = 0; sub < whole.length; sub++) {
            int dot = 0;
            int total = 0;
            for (int i = sub * perSub; i < (sub + 1) * perSub; i++) {
                dot += codes[i] * q[first + i];
                total += q[first + i];
            }
            if (real != null) {
                sum += real[sub] * (float) dot;
            }
            scaled += whole[sub] * dot;
            shift += minima == null ? 0 : minima[sub] * total;
        }
        if (real != null) {
            return sum;
        }
        return minima == null ? d * (float) scaled : d * (float) scaled - e * (float) shift;
    }
}
