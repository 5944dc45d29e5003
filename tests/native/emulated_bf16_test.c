/* The bf16 GEMM kernels of the AMX tier, on tiles emulated in C, against the portable ones: packing, whole and partial tiles, every kind of
 * operand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "simd/gemm/packed.h"

extern const packed_kernels setun_bf16_portable, setun_bf16_amx;

static int64_t up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/* An operand of `lines` rows of A (columns of B) by k. size[line * k + p] gets the magnitude of each value. */
static packed_operand make(rng *r, int32_t type, int32_t along, int64_t lines, int64_t k, const float *step, float *size) {
    static const int64_t BYTES[] = {4, 2, 1};
    int64_t rows = along ? lines : k, row = along ? k : lines;
    packed_operand made = {type, along, {NULL, row + 1, step}};
    if (type == BF_TERNARY) {
        made.source.ld = up(row, 256);
        uint8_t *packed = guarded(up(rows, 4) / 4 * made.source.ld, 0);
        memset(packed, 0x55, (size_t)(up(rows, 4) / 4 * made.source.ld)); /* code 0 */
        for (int64_t p = 0; p < rows; p++) {
            for (int64_t i = 0; i < row; i++) {
                uint8_t *byte = packed + p / 4 * made.source.ld + i / 256 * 256 + p % 4 * 64 + i % 64;
                int shift = (int)(i / 64 % 4) * 2;
                *byte = (uint8_t)((*byte & ~(3 << shift)) | (int)rng_below(r, 3) << shift);
                size[i * k + p] = 1;
            }
        }
        made.source.data = packed;
        return made;
    }
    int64_t count = (rows - 1) * (row + 1) + row;
    char *data = guarded(count * BYTES[type], 0);
    for (int64_t i = 0; i < count; i++) {
        float value = rng_float(r);
        if (type == BF_F32) {
            memcpy(data + 4 * i, &value, 4);
        } else if (type == BF_BF16) {
            memcpy(data + 2 * i, (char *)&value + 2, 2);
        } else {
            value = rintf(127 * value);
            data[i] = (char)(int8_t)value;
        }
        int64_t at = i / (row + 1), in = i % (row + 1);
        if (in < row) {
            size[along ? at * k + in : in * k + at] = fabsf(value);
        }
    }
    made.source.data = data;
    return made;
}

static void multiply(const packed_kernels *kernels, const packed_operand *a, const packed_operand *b, packed_tile t, const float *start) {
    int64_t k = up(t.k, kernels->depth);
    void *rows = aligned_alloc(64, (size_t)(up(t.m, kernels->rows) * PACKED_STRIDE * kernels->value_bytes));
    void *panels = aligned_alloc(64, (size_t)up(up(t.n, kernels->columns) * k * kernels->value_bytes, 64));
    kernels->pack_rows(a, t.m, t.k, rows, up(t.m, kernels->rows));
    kernels->pack_panels(b, t.n, t.k, panels);
    memcpy(t.c, start, (size_t)((t.m - 1) * t.ldc + t.n) * sizeof *start);
    t.a = rows;
    t.b = panels;
    t.k = k;
    kernels->tile(&t);
    free(panels);
    free(rows);
}

static void compare(rng *r, int64_t m, int64_t n, int64_t k, int32_t type_a, int32_t along_a, int32_t type_b, int32_t along_b) {
    float *size_a = calloc((size_t)(m * k), sizeof(float)), *size_b = calloc((size_t)(n * k), sizeof(float));
    int64_t ldc = n + 3, count = (m - 1) * ldc + n;
    float *start = guarded(count * 4, 0), *bias = guarded(n * 4, 0), *expected = guarded(count * 4, 0), *amx = guarded(count * 4, 0);
    for (int64_t i = 0; i < count; i++) {
        start[i] = rng_float(r);
    }
    for (int64_t j = 0; j < n; j++) {
        bias[j] = rng_float(r);
    }
    packed_operand a = make(r, type_a, along_a, m, k, NULL, size_a), b = make(r, type_b, along_b, n, k, NULL, size_b);
    packed_tile t = {.m = m, .n = n, .k = k, .alpha = -0.5f, .beta = k % 2 == 0 ? 0.75f : 0, .bias = bias, .ldc = ldc};
    t.c = expected;
    multiply(&setun_bf16_portable, &a, &b, t, start);
    t.c = amx;
    multiply(&setun_bf16_amx, &a, &b, t, start);
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < ldc && i * ldc + j < count; j++) {
            double terms = 2;
            for (int64_t p = 0; p < k && j < n; p++) {
                terms += 0.51 * (double)size_a[i * k + p] * (double)size_b[j * k + p];
            }
            double bound = j < n ? 2 * (double)(k + 4) * 0x1p-24 * terms : 0;
            double difference = fabs((double)expected[i * ldc + j] - (double)amx[i * ldc + j]);
            CHECK(difference <= bound, "%lld x %lld x %lld, types %d %d: c[%lld][%lld] differs by %g > %g", (long long)m, (long long)n,
                  (long long)k, type_a, type_b, (long long)i, (long long)j, difference, bound);
        }
    }
    free(size_b);
    free(size_a);
    guarded_free_all();
}

int main(void) {
    if (!setun_cpu_supports(SETUN_ISA_AVX512BF16)) {
        printf("skipped: this machine has no avx512bf16\n");
        return EXIT_SKIPPED;
    }
    static const int64_t M[] = {1, 15, 31, 32, 33, 70}, N[] = {1, 16, 17, 32, 47, 65}, K[] = {1, 2, 31, 32, 65, 130};
    rng r = {11};
    for (int kind = 0; kind < 42; kind++) { /* 3 types of A, 7 of B with their direction, 2 directions of A */
        int32_t type_b = kind % 7 / 2, along_b = kind % 7 % 2;
        for (int i = 0; i < 6; i++) {
            compare(&r, M[i], N[(i + kind) % 6], K[(5 * i + kind) % 6], kind / 7 % 3, kind / 21, type_b, along_b);
        }
    }
    return check_report("emulated bf16 tiles");
}
