package org.setun.kernels.reference;

import org.setun.kernels.Estimator;
import org.setun.kernels.QuantLevels;

/**
 * A smooth function in the place of a code, at one value, and its slope, in codes; and the random numbers of fake quantization.
 *
 * @param value     f(u)
 * @param slope     f'(u)
 * @param likeliest the code that a random choice gave, NaN if nothing was chosen
 */
record SmoothQuant(float value, float slope, float likeliest) {

    private static final int STREAM_GUMBEL = 16;

    /** The chosen code, or {@code nearest} if nothing was chosen. */
    float likeliest(float nearest) {
        return Float.isNaN(likeliest) ? nearest : likeliest;
    }

    static SmoothQuant staircase(Estimator.Staircase estimator, QuantLevels levels, float u) {
        float inverse = 1 / estimator.temperature();
        float value = levels.lowest();
        float slope = 0;
        for (int k = levels.lowest(); k < levels.highest(); k++) {
            float x = (u - (k + 0.5f)) * inverse;
            float sigmoid = FixedMath.sigmoid(x);
            value = value + sigmoid;
            slope = slope + sigmoid * FixedMath.sigmoidRest(x);
        }
        return new SmoothQuant(value, slope * inverse, Float.NaN);
    }

    /** Between two levels, a tanh that meets them (arXiv 1908.05033); constant beyond the outermost. */
    static SmoothQuant dsq(Estimator.Dsq estimator, QuantLevels levels, float u) {
        float low = levels.lowest();
        float high = levels.highest();
        if (!(u >= low && u <= high)) {
            return new SmoothQuant(Math.min(high, Math.max(low, u)), 0, Float.NaN);
        }
        float steepness = FixedMath.log(2 / estimator.alpha() - 1);
        float scale = 0.5f / (1 - estimator.alpha());
        float cell = Math.min(high - 1, Math.max(low, (float) Math.rint(u - 0.5f) + 0f));
        float x = (u - cell - 0.5f) * steepness;
        float sigmoid = FixedMath.sigmoid(x + x);
        float rest = FixedMath.sigmoidRest(x + x);
        return new SmoothQuant(cell + (0.5f + (sigmoid - rest) * scale), 4 * sigmoid * rest * steepness * scale, Float.NaN);
    }

    /** A softmax over the levels, the nearer the likelier, with Gumbel noise (arXiv 1611.01144). */
    static SmoothQuant gumbel(Estimator.Gumbel estimator, QuantLevels levels, long seed, long group, int index, float u) {
        int count = levels.count();
        float[] logits = new float[count];
        float[] slopes = new float[count];
        float inverse = 1 / estimator.temperature();
        float width = 1 / estimator.width();
        int likeliest = 0;
        for (int k = 0; k < count; k++) {
            float distance = u - (levels.lowest() + k);
            float noise = -FixedMath.log(-FixedMath.log(uniform(key(seed, group, STREAM_GUMBEL + k), index)));
            slopes[k] = -(distance * width);
            logits[k] = (distance * slopes[k] * 0.5f + noise) * inverse;
            likeliest = logits[k] > logits[likeliest] ? k : likeliest;
        }
        float total = 0;
        float mean = 0;
        float meanSlope = 0;
        float product = 0;
        for (int k = 0; k < count; k++) {
            float share = FixedMath.exp(logits[k] - logits[likeliest]);
            float code = levels.lowest() + k;
            total = total + share;
            mean = mean + share * code;
            meanSlope = meanSlope + share * slopes[k];
            product = product + share * code * slopes[k];
        }
        mean = mean / total;
        return new SmoothQuant(mean, (product / total - mean * (meanSlope / total)) * inverse, levels.lowest() + likeliest);
    }

    /** In (0, 1), of 23 bits. */
    static float uniform(int key, int index) {
        return ((hash(key ^ hash(index)) >>> 9) + 0.5f) * 0x1p-23f;
    }

    static int key(long seed, long group, int stream) {
        int key = hash((int) seed ^ 0x9e3779b9);
        key = hash(key ^ (int) (seed >>> 32));
        key = hash(key ^ (int) group);
        key = hash(key ^ (int) (group >>> 32));
        return hash(key ^ stream);
    }

    private static int hash(int x) {
        int h = (x ^ x >>> 16) * 0x7feb352d;
        h = (h ^ h >>> 15) * 0x846ca68b;
        return h ^ h >>> 16;
    }
}
