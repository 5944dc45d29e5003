/* The smooth functions that may stand in a code's place, and their slopes, in codes; over vec.h, of unfused operations in one order. */
#include "simd/common/vec_glu.h"
#include "simd/fakequant/fakequant.h"

typedef struct smooth {
    vf value, slope;
} smooth;

/* ln x within 3 ulp for positive normal x. x = 2^n m with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh(t), t = (m - 1) / (m + 1), by its series to
 * t^9; ln 2 in two parts, n times the first exact. Java: FixedMath.log. */
VF_INLINE vf log_fixed(vf x) {
    vi n = ((vi)x - 0x3f3504f3) >> 23;
    vf m = (vf)((vi)x - (n << 23)), whole = __builtin_convertvector(n, vf);
    vf t = (m - vf_set1(1.0f)) / (m + vf_set1(1.0f)), s = t * t;
    vf p = s * vf_set1(2.0f / 9) + vf_set1(2.0f / 7);
    p = p * s + vf_set1(2.0f / 5);
    p = p * s + vf_set1(2.0f / 3);
    p = (p * s) * t + (t + t);
    return (whole * vf_set1(0x1.7f7d1cp-20f) + p) + whole * vf_set1(0x1.62e4p-1f);
}

VF_INLINE vf power_fixed(vf x, float exponent) { return vf_exp_fixed(vf_set1(exponent) * log_fixed(x)); }

/* tanh x and 1 - tanh^2 x, without cancellation in the tails. */
VF_INLINE smooth tanh_fixed(vf x) {
    silu s = silu_of(x + x);
    vf four = vf_set1(4.0f) * s.sigmoid;
    return (smooth){s.sigmoid - s.rest, four * s.rest};
}

VF_INLINE smooth staircase_of(const setun_fakequant_args *args, vf u) {
    vf inverse = vf_set1(1.0f / args->p0), value = vf_set1((float)args->lowest), slope = vf_set1(0);
    for (int32_t k = args->lowest; k < args->highest; k++) {
        silu s = silu_of((u - vf_set1((float)k + 0.5f)) * inverse);
        value = value + s.sigmoid;
        slope = slope + s.sigmoid * s.rest;
    }
    return (smooth){value, slope * inverse};
}

/* Beyond the outermost levels it is constant. */
VF_INLINE smooth dsq_of(const setun_fakequant_args *args, vf u) {
    vf low = vf_set1((float)args->lowest), high = vf_set1((float)args->highest);
    /* k = ln(2 / p0 - 1) and tanh(k / 2) = 1 - p0 */
    vf steepness = log_fixed(vf_set1(2.0f / args->p0 - 1.0f)), scale = vf_set1(0.5f / (1.0f - args->p0));
    vi inside = (u >= low) & (u <= high);
    vf within = vf_select(inside, u, low);
    vf cell = vf_min(high - vf_set1(1.0f), vf_max(low, vf_round(within - vf_set1(0.5f)) + vf_set1(0)));
    smooth t = tanh_fixed((((within - cell) - vf_set1(0.5f)) * steepness));
    vf value = cell + (vf_set1(0.5f) + t.value * scale);
    vf clamped = vf_min(high, vf_max(low, u)); /* keeps a NaN */
    return (smooth){vf_select(inside, value, clamped), vf_select(inside, (t.slope * steepness) * scale, vf_set1(0))};
}

/* In a vector, lane j is value `first + j` of its group. */
VF_INLINE vf uniform_of(uint32_t key, int64_t first) {
    uint32_t lane[VF_LANES];
    float uniform[VF_LANES];
    for (int j = 0; j < VF_LANES; j++) {
        lane[j] = fakequant_hash(key ^ fakequant_hash((uint32_t)(first + j)));
    }
    for (int j = 0; j < VF_LANES; j++) {
        uniform[j] = (float)(int32_t)(lane[j] >> 9);
    }
    vf u;
    memcpy(&u, uniform, sizeof u);
    return (u + vf_set1(0.5f)) * vf_set1(0x1p-23f);
}

/* *likeliest gets the code with the largest logit, the lower one of equals. */
VF_INLINE smooth gumbel_of(const setun_fakequant_args *args, int64_t group, int64_t first, vf u, vf *likeliest) {
    int32_t levels = args->highest - args->lowest + 1;
    vf logit[MOST_SMOOTH_LEVELS], slope[MOST_SMOOTH_LEVELS];
    vf inverse = vf_set1(1.0f / args->p0), width = vf_set1(1.0f / args->p1), most = vf_set1(0);
    *likeliest = vf_set1((float)args->lowest);
    for (int32_t k = 0; k < levels; k++) {
        vf distance = u - vf_set1((float)(args->lowest + k));
        vf noise = -log_fixed(-log_fixed(uniform_of(fakequant_key(args->seed, group, (uint32_t)(STREAM_GUMBEL + k)), first)));
        slope[k] = -(distance * width);
        logit[k] = ((distance * slope[k]) * vf_set1(0.5f) + noise) * inverse;
        vi higher = k == 0 ? vi_set1(-1) : logit[k] > most;
        most = vf_select(higher, logit[k], most);
        *likeliest = vf_select(higher, vf_set1((float)(args->lowest + k)), *likeliest);
    }
    vf total = vf_set1(0), mean = vf_set1(0), mean_slope = vf_set1(0), product = vf_set1(0);
    for (int32_t k = 0; k < levels; k++) {
        vf share = vf_exp_fixed(logit[k] - most), code = vf_set1((float)(args->lowest + k));
        total = total + share;
        mean = mean + share * code;
        mean_slope = mean_slope + share * slope[k];
        product = product + (share * code) * slope[k];
    }
    mean = mean / total;
    return (smooth){mean, ((product / total) - mean * (mean_slope / total)) * inverse};
}
