/* Packing to bf16 and the register block of the tier that this file is compiled for (AMX on emulated tiles), against sums in double. */
#if defined(TEST_TILES)
#define BF_TILES
#endif
#include "harness.h"

#include "simd/common/micro_bf16.h"

#if defined(__AVX512BF16__)
#define NEEDED SETUN_ISA_AVX512BF16
#elif defined(__AVX512F__)
#define NEEDED SETUN_ISA_AVX512
#elif defined(__AVX2__)
#define NEEDED SETUN_ISA_AVX2
#else
#define NEEDED SETUN_ISA_PORTABLE
#endif

/* c[m][ldc] = A * B, or c += A * B, over packed operands of depth k; m and n are multiples of BF_ROWS and BF_COLS. */
static void bf_block(int64_t m, int64_t n, int64_t k, const bf_value *a, int64_t lda, const bf_value *b, float *c, int64_t ldc,
                        int add) {
    for (int64_t i = 0; i < m; i += BF_ROWS) {
        for (int64_t j = 0; j < n; j += BF_COLS) {
            vf acc[BF_ROWS][BF_VECS];
            bf_product(k, a + i * lda, lda, b + j * k, acc);
#pragma GCC unroll 16
            for (int r = 0; r < BF_ROWS; r++) {
                float *to = c + (i + r) * ldc + j;
                vf_store(to, add ? vf_load(to) + acc[r][0] : acc[r][0]);
                vf_store(to + VF_LANES, add ? vf_load(to + VF_LANES) + acc[r][1] : acc[r][1]);
            }
        }
    }
}

static double rounded(float x) { return (double)bf16_to_float(bf16_from_float(x)); }

static void test_rounding(void) {
    static const struct {
        uint32_t fp32;
        bf16 expected;
    } cases[] = {{0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82},
                 {0x3f808001, 0x3f81}, {0x3f807fff, 0x3f80}, {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80}, {0xff800000, 0xff80},
                 {0x7f800001, 0x7fc0}, {0xffffffff, 0xffff}, {0x7fa00000, 0x7fe0}, {0x00018000, 0x0002}, {0x00007fff, 0x0000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float x;
        memcpy(&x, &cases[i].fp32, sizeof x);
        EXPECT(bf16_from_float(x) == cases[i].expected, "%08x gave %04x", cases[i].fp32, bf16_from_float(x));
        float lane = vf_round_bf16(vf_set1(x))[VF_LANES - 1];
        uint32_t bits;
        memcpy(&bits, &lane, sizeof bits);
        EXPECT(bits == (uint32_t)cases[i].expected << 16, "a lane of %08x gave %08x", cases[i].fp32, bits);
    }
}

/* An operand in memory: `outer` rows or columns by k, in either order; its values as double. The last row ends at a page's end. */
typedef struct operand {
    bf_source source;
    double *values; /* [outer][k], with the factors, rounded */
} operand;

static operand make(int type, int along, int64_t outer, int64_t k, int64_t pad, const float *step, uint32_t seed) {
    int64_t rows = along ? outer : k, row = along ? k : outer, ld = row + pad, count = (rows - 1) * ld + row;
    static const int64_t BYTES[] = {4, 2, 1};
    float *x = test_random(count, 2, seed);
    char *data = (char *)test_values((count * BYTES[type] + 3) / 4) + (-(count * BYTES[type]) & 3);
    for (int64_t i = 0; i < count; i++) {
        if (type == BF_BF16) {
            bf16 value = bf16_from_float(x[i]);
            memcpy(data + 2 * i, &value, 2);
            x[i] = bf16_to_float(value);
        } else if (type == BF_I8) {
            x[i] = rintf(x[i] * 63.5f);
            data[i] = (char)(int8_t)x[i];
        }
    }
    if (type == BF_F32) {
        data = (char *)x;
    }
    operand made = {{data, ld, step}, malloc((size_t)(outer * k) * sizeof(double))};
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t p = 0; p < k; p++) {
            float value = x[along ? o * ld + p : p * ld + o];
            made.values[o * k + p] = rounded(step == NULL ? value : value * step[p]);
        }
    }
    return made;
}

static int64_t up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

static void test_product(int64_t m, int64_t n, int64_t k, int type_a, int along_a, int type_b, int along_b, int with_step) {
    const float *step = with_step ? test_random(k, 3, 9) : NULL;
    operand a = make(type_a, along_a, m, k, 3, step, 1), b = make(type_b, along_b, n, k, 5, NULL, 2);
    int64_t padded = up(k, BF_DEPTH), lda = padded + BF_DEPTH, height = up(m, BF_ROWS), width = up(n, BF_COLS);
    bf_value *rows = malloc((size_t)(height * lda) * sizeof *rows), *panels = malloc((size_t)(width * padded) * sizeof *panels);
    memset(rows, 0xff, (size_t)(height * lda) * sizeof *rows); /* NaN where packing leaves a hole */
    memset(panels, 0xff, (size_t)(width * padded) * sizeof *panels);
    float *c = malloc((size_t)(height * width) * sizeof *c);
    bf_pack_rows(type_a, along_a, &a.source, m, k, rows, lda, height);
    bf_pack_panels(type_b, along_b, &b.source, n, k, panels);
    bf_tiles_begin();
    bf_block(height, width, padded, rows, lda, panels, c, width, 0);
    bf_block(height, width, padded, rows, lda, panels, c, width, 1);
    bf_tiles_end();
    for (int64_t i = 0; i < height; i++) {
        for (int64_t j = 0; j < width; j++) {
            double sum = 0, size = 0;
            for (int64_t p = 0; p < k && i < m && j < n; p++) {
                double term = a.values[i * k + p] * b.values[j * k + p];
                sum += term;
                size += fabs(term);
            }
            test_near("c", i * width + j, c[i * width + j], 2 * sum, 2 * (double)(k + 1) * UNIT * size);
        }
    }
    free(c);
    free(panels);
    free(rows);
    free(a.values);
    free(b.values);
    test_release();
}

int main(void) {
    if (!setun_cpu_supports(NEEDED)) {
        printf("skipped: this machine lacks the tier\n");
        return 77;
    }
    test_rounding();
    static const int64_t SIDES[] = {1, 2, 13, 15, 16, 17, 31, 32, 33, 50, 70}, DEPTHS[] = {1, 2, 3, 15, 16, 17, 31, 32, 33, 64, 95};
    for (int kinds = 0; kinds < 72; kinds++) {
        for (int64_t i = 0; i < 11; i++) {
            test_product(SIDES[i], SIDES[(3 * i + kinds) % 11], DEPTHS[(5 * i + 7 * kinds) % 11], kinds % 3, kinds / 3 % 2, kinds / 6 % 3,
                         kinds / 18 % 2, kinds / 36);
        }
    }
    return 0;
}
