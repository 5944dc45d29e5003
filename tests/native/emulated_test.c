/* Tiers that this machine may lack, against the portable kernel: AMX on tiles emulated in C, AVX-VNNI by its AVX-512 encoding. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "simd/ternary/kernels.h"

static void compare(rng *r, int64_t rows, int64_t cols, int64_t kp) {
    int64_t bytes = ternary_padded_rows(rows) * kp / 4;
    uint8_t *w = guarded(bytes, 0);
    int8_t *q = guarded(cols * kp, 0);
    int32_t *expected = guarded(rows * cols * 4, 0), *amx = guarded(rows * cols * 4, 0);
    int32_t *avxvnni = guarded(rows * cols * 4, 0);
    void *scratch = aligned_alloc(64, (size_t)(TERNARY_AMX_ROWS * kp + 64));
    for (int64_t i = 0; i < bytes; i++) {
        for (int plane = w[i] = 0; plane < 4; plane++) {
            w[i] |= (uint8_t)(rng_below(r, 3) << 2 * plane);
        }
    }
    for (int64_t i = 0; i < cols * kp; i++) {
        q[i] = (int8_t)(rng_below(r, 255) - 127);
    }
    ternary_dots_portable(w, kp, rows, q, kp, cols, expected, NULL);
    ternary_dots_amx(w, kp, rows, q, kp, cols, amx, scratch);
    ternary_dots_avxvnni(w, kp, rows, q, kp, cols, avxvnni, NULL);
    CHECK(memcmp(expected, amx, (size_t)(rows * cols) * 4) == 0, "amx: %lld rows, %lld columns, kp %lld", (long long)rows,
          (long long)cols, (long long)kp);
    CHECK(memcmp(expected, avxvnni, (size_t)(rows * cols) * 4) == 0, "avxvnni: %lld rows, %lld columns, kp %lld", (long long)rows,
          (long long)cols, (long long)kp);
    free(scratch);
    guarded_free_all();
}

int main(void) {
    if (!setun_cpu_supports(SETUN_ISA_AVX512)) {
        printf("skipped: this machine has no avx512\n");
        return EXIT_SKIPPED;
    }
    static const int64_t ROWS[] = {1, 15, 16, 17, 31, 32, 33, 64}, COLS[] = {1, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 70};
    rng r = {7};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        for (size_t j = 0; j < sizeof COLS / sizeof *COLS; j++) {
            compare(&r, ROWS[i], COLS[j], 256 * (1 + (int64_t)(i + j) % 3));
        }
    }
    return check_report("emulated tiers");
}
