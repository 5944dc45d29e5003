/* vf_exp, vf_exp_fixed and vf_exp2_near of the tier that this file is compiled for: their errors over the whole range, special values; and
 * the partial loads and stores. */
#include "harness.h"

#include "simd/common/vec_math.h"

static double ulp(float x) {
    float size = fabsf(x) < 0x1p-126f ? 0x1p-126f : fabsf(x);
    return (double)(nextafterf(size, INFINITY) - size);
}

static bool fixed; /* which of the two functions is tested */

static float exp_of(float x) { return (fixed ? vf_exp_fixed(vf_set1(x)) : vf_exp(vf_set1(x)))[VF_LANES - 1]; }

static void test_accuracy(void) {
    double worst = 0;
    for (uint32_t bits = 0; bits < 0x43000000u; bits += 487) { /* 0 .. 128 */
        uint32_t pair[2] = {bits, bits | 0x80000000u};
        for (int sign = 0; sign < 2; sign++) {
            float x;
            memcpy(&x, &pair[sign], sizeof x);
            double exact = exp((double)x);
            float actual = exp_of(x);
            if (exact > 0x1.ffffffp127) {
                EXPECT(isinf(actual) && actual > 0, "exp(%g) = %g", (double)x, (double)actual);
            } else {
                double error = fabs((double)actual - exact) / ulp((float)exact);
                EXPECT(error <= 2, "exp(%.9g) = %.9g is %g ulp off", (double)x, (double)actual, error);
                worst = fmax(worst, error);
            }
        }
    }
    printf("%d lanes: worst error of %s %.3f ulp\n", VF_LANES, fixed ? "vf_exp_fixed" : "vf_exp", worst);
}

static float exp2_of(float x) { return vf_exp2_near(vf_set1(x))[VF_LANES - 1]; }

static void test_exp2(void) {
    double worst = 0;
    for (uint32_t bits = 0; bits < 0x43180000u; bits += 487) { /* 0 .. 152 */
        uint32_t pair[2] = {bits, bits | 0x80000000u};
        for (int sign = 0; sign < 2; sign++) {
            float x;
            memcpy(&x, &pair[sign], sizeof x);
            double exact = exp2((double)x);
            float actual = exp2_of(x);
            if (x >= 128) {
                EXPECT(isinf(actual) && actual > 0, "exp2(%g) = %g", (double)x, (double)actual);
            } else if (exact < 0x1p-126) {
                EXPECT(fabs((double)actual - exact) <= 0x1p-148 + exact * 0x1p-18, "exp2(%.9g) = %.9g", (double)x, (double)actual);
            } else {
                double error = fabs((double)actual / exact - 1);
                EXPECT(error < 0x1p-18, "exp2(%.9g) = %.9g is off by %g", (double)x, (double)actual, error);
                worst = fmax(worst, error);
            }
        }
    }
    printf("%d lanes: worst relative error of exp2 %.3g\n", VF_LANES, worst);
    EXPECT(isinf(exp2_of(INFINITY)) && exp2_of(-INFINITY) == 0 && isnan(exp2_of(NAN)), "special values of exp2");
    EXPECT(exp2_of(3e38f) == INFINITY && exp2_of(-3e38f) == 0, "exp2 far out");
}

static void test_special_values(void) {
    EXPECT(isinf(exp_of(INFINITY)) && exp_of(-INFINITY) == 0 && isnan(exp_of(NAN)), "special values");
    EXPECT(exp_of(0) == 1 && exp_of(-0.0f) == 1, "exp(0)");
    EXPECT(exp_of(3e38f) == INFINITY && exp_of(-3e38f) == 0, "far out");
    EXPECT(exp_of(-103.0f) > 0, "denormal results are not flushed");
}

static void test_partial_vectors(void) {
    for (int64_t n = 1; n <= VF_LANES; n++) {
        float *x = test_random(n, 1, 1), *y = test_values(n), store[VF_LANES];
        vf value = vf_get(x, n);
        vf_put(y, n, value);
        vf_store(store, value);
        for (int64_t i = 0; i < VF_LANES; i++) {
            EXPECT(store[i] == (i < n ? x[i] : 0.0f), "lane %d of %d", (int)i, (int)n);
            EXPECT(((vi)vi_first(n))[i] == (i < n ? -1 : 0), "mask lane %d of %d", (int)i, (int)n);
        }
        EXPECT(memcmp(x, y, (size_t)n * 4) == 0, "store of %d", (int)n);
        double sum = 0;
        float high = -INFINITY;
        for (int64_t i = 0; i < VF_LANES; i++) {
            sum += (double)store[i];
            high = fmaxf(high, store[i]);
        }
        test_near("sum of lanes", n, vf_sum(value), sum, 16 * UNIT * VF_LANES);
        EXPECT(vf_highest(value) == high, "highest of %d", (int)n);
        vi order = vi_first(n) & vi_set1((int32_t)n);
        EXPECT(vi_highest(order) == n && vi_highest(vi_max(order, vi_set1(n / 2))) == n && vi_highest(vi_set1(-7)) == -7, "integers");
    }
    test_release();
}

int main(void) {
#if VF_LANES == 16
    if (!setun_cpu_supports(SETUN_ISA_AVX512)) {
        return 77;
    }
#elif VF_LANES == 8
    if (!setun_cpu_supports(SETUN_ISA_AVX2)) {
        return 77;
    }
#endif
    for (int i = 0; i < 2; i++) {
        fixed = i == 1;
        test_accuracy();
        test_special_values();
    }
    test_exp2();
    test_partial_vectors();
    return 0;
}
