/* exp and dot products over vec.h. */
#ifndef SETUN_VEC_MATH_H
#define SETUN_VEC_MATH_H

#include "simd/common/vec.h"

/* e^x within 2 ulp, denormal results within 2 of the smallest denormals; +inf gives +inf (so does x > 88.73), -inf gives 0, NaN
 * gives NaN. x = n ln 2 + r with |r| <= ln 2 / 2: ln 2 is subtracted in two parts (n times the first is exact), e^r is its Taylor
 * polynomial of degree 7 (truncation below 2^-27), and 2^n is applied in two steps, so that neither step leaves the range of fp32
 * before the result does. */
VF_INLINE vf vf_exp(vf x) {
    x = vf_min(vf_set1(89.0f), vf_max(vf_set1(-104.0f), x)); /* the second operand is kept if it is NaN */
    vf n = vf_round(x * vf_set1(0x1.715476p+0f));
    vf r = vf_fma(n, vf_set1(-0x1.62e4p-1f), x);
    r = vf_fma(n, vf_set1(-0x1.7f7d1cp-20f), r);
    vf p = vf_set1(1.0f / 5040);
    p = vf_fma(p, r, vf_set1(1.0f / 720));
    p = vf_fma(p, r, vf_set1(1.0f / 120));
    p = vf_fma(p, r, vf_set1(1.0f / 24));
    p = vf_fma(p, r, vf_set1(1.0f / 6));
    p = vf_fma(p, r, vf_set1(0.5f));
    p = vf_fma(p * r, r, r) + vf_set1(1.0f);
#if defined(__AVX512F__)
    return _mm512_scalef_ps(p, n);
#else
    vi whole = vi_from_integral(n);
    vi half = whole >> 1;
    vf low = (vf)((half + 127) << 23);
    vf high = (vf)((whole - half + 127) << 23);
    return p * low * high;
#endif
}

/* e^x as vf_exp, within 2 ulp, but of unfused operations alone: the same bits on every tier. Java: FixedMath.exp. */
VF_INLINE vf vf_exp_fixed(vf x) {
    x = vf_min(vf_set1(89.0f), vf_max(vf_set1(-104.0f), x));
    vf n = vf_round(x * vf_set1(0x1.715476p+0f));
    vf r = (x - n * vf_set1(0x1.62e4p-1f)) - n * vf_set1(0x1.7f7d1cp-20f);
    vf p = r * vf_set1(1.0f / 5040) + vf_set1(1.0f / 720);
    p = p * r + vf_set1(1.0f / 120);
    p = p * r + vf_set1(1.0f / 24);
    p = p * r + vf_set1(1.0f / 6);
    p = p * r + vf_set1(0.5f);
    p = ((p * r) * r + r) + vf_set1(1.0f);
    vi whole = vi_from_integral(n), half = whole >> 1;
    return p * (vf)((half + 127) << 23) * (vf)((whole - half + 127) << 23);
}

/* 2^x with a relative error below 2^-18, for what is rounded to bf16 afterwards; denormal results within 2 of the smallest denormals; +inf
 * gives +inf (so does x >= 128), -inf gives 0, NaN gives NaN. With f = x - floor(x), 2^f is the polynomial of degree 4 whose largest
 * relative error on [0, 1] is least (2^-18.5). */
VF_INLINE vf vf_exp2_near(vf x) {
#if defined(__AVX512F__)
    vf f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); /* 0 for infinities, which scalef then knows */
#else
    x = vf_min(vf_set1(129.0f), vf_max(vf_set1(-152.0f), x)); /* the second operand is kept if it is NaN */
    vf n = vf_round(x - vf_set1(0.5f));
    vf f = x - n;
#endif
    vf p = vf_set1(0x1.bb7cd4p-7f);
    p = vf_fma(p, f, vf_set1(0x1.aa13fp-5f));
    p = vf_fma(p, f, vf_set1(0x1.ee798ap-3f));
    p = vf_fma(p, f, vf_set1(0x1.62d166p-1f));
    p = vf_fma(p, f, vf_set1(0x1.00002cp+0f));
#if defined(__AVX512F__)
    return _mm512_scalef_ps(p, x);
#else
    vi whole = vi_from_integral(n);
    vi half = whole >> 1;
    return p * (vf)((half + 127) << 23) * (vf)((whole - half + 127) << 23);
#endif
}

/* sum of a[i] * b[i] in 4 * VF_LANES running sums: |error| <= (n / (4 * VF_LANES) + 8) * 2^-24 * sum|a b|. */
VF_INLINE float vf_dot(const float *a, const float *b, int64_t n) {
    vf s0 = vf_set1(0), s1 = s0, s2 = s0, s3 = s0;
    int64_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES) {
        s0 = vf_fma(vf_load(a + i), vf_load(b + i), s0);
        s1 = vf_fma(vf_load(a + i + VF_LANES), vf_load(b + i + VF_LANES), s1);
        s2 = vf_fma(vf_load(a + i + 2 * VF_LANES), vf_load(b + i + 2 * VF_LANES), s2);
        s3 = vf_fma(vf_load(a + i + 3 * VF_LANES), vf_load(b + i + 3 * VF_LANES), s3);
    }
    VF_FOR(j, lanes, n - i) {
        s0 = vf_fma(vf_get(a + i + j, lanes), vf_get(b + i + j, lanes), s0);
    }
    return vf_sum((s0 + s1) + (s2 + s3));
}

#endif
