package org.setun.kernels.reference;

import org.setun.kernels.NnOps.Glu;

/** Functions of fp32 operations in one fixed order, which every backend follows, so that their bits agree (docs/numerics.md). */
final class FixedMath {

    private FixedMath() {
    }

    /**
     * e^x within 2 ulp. x = n ln 2 + r with |r| at most ln 2 / 2, where ln 2 is taken off in two parts (n times the first is exact); e^r is its
     * Taylor polynomial of degree 7; 2^n is applied in two steps, so that neither leaves fp32 before the result does.
     */
    static float exp(float x) {
        float limited = Math.min(89f, Math.max(-104f, x));
        if (Float.isNaN(limited)) {
            return limited;
        }
        int whole = (int) Math.rint(limited * 0x1.715476p+0f);
        float n = whole;
        float r = limited - n * 0x1.62e4p-1f - n * 0x1.7f7d1cp-20f;
        float p = r * (1f / 5040) + 1f / 720;
        p = p * r + 1f / 120;
        p = p * r + 1f / 24;
        p = p * r + 1f / 6;
        p = p * r + 0.5f;
        p = p * r * r + r + 1f;
        int half = whole >> 1;
        return p * powerOfTwo(half) * powerOfTwo(whole - half);
    }

    private static float powerOfTwo(int n) {
        return Float.intBitsToFloat(n + 127 << 23);
    }

    static float sigmoid(float x) {
        float e = exp(-Math.abs(x));
        float large = 1f / (1f + e);
        return x >= 0 ? large : e * large;
    }

    /** 1 - sigmoid(x), without cancellation. */
    static float sigmoidRest(float x) {
        float e = exp(-Math.abs(x));
        float large = 1f / (1f + e);
        return x >= 0 ? e * large : large;
    }

    /** ln x within 3 ulp for positive normal x: x = 2^n m with m in [sqrt(1/2), sqrt(2)), ln m by the series of 2 artanh to t^9. */
    static float log(float x) {
        int bits = Float.floatToRawIntBits(x);
        int n = bits - 0x3f3504f3 >> 23;
        float m = Float.intBitsToFloat(bits - (n << 23));
        float t = (m - 1f) / (m + 1f);
        float s = t * t;
        float p = s * (2f / 9) + 2f / 7;
        p = p * s + 2f / 5;
        p = p * s + 2f / 3;
        p = p * s * t + (t + t);
        return n * 0x1.7f7d1cp-20f + p + n * 0x1.62e4p-1f;
    }

    /** act(gate) * up. */
    static float glu(Glu kind, float gate, float up) {
        float positive = Math.max(0f, gate);
        return switch (kind) {
            case SILU -> gate * sigmoid(gate) * up;
            case RELU2 -> positive * positive * up;
        };
    }

    /** 1 / sqrt(mean(row^2) + eps). */
    static float rstd(float[] row, float eps) {
        return (float) (1 / Math.sqrt(FixedSums.squares(row) / row.length + eps));
    }

    /** row * w * rstd (arXiv 1910.07467). */
    static float[] normalized(float[] row, float[] w, float rstd) {
        float[] y = new float[row.length];
        for (int j = 0; j < y.length; j++) {
            y[j] = row[j] * w[j] * rstd;
        }
        return y;
    }
}
