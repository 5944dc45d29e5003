/* Tiers of the block formats that this machine may lack, against the portable kernels: AMX on tiles emulated in C, AVX-VNNI by its AVX-512
 * encoding. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "simd/blockquant/blockquant.h"
#include "simd/blockquant/list.h"

enum { BLOCKS = 2, GROUPS = 2, ROWS = GROUPS * BLOCK_ROWS, MOST_COLS = 40, LD = ROWS };

extern const block_table block_table_portable, block_table_avxvnni, block_table_amx;

#define FORMAT_ROW(NAME, name) [BLOCK_INDEX_##NAME] = {#NAME, SETUN_BLOCK_##NAME},
static const struct {
    const char *name;
    setun_block_format id;
} FORMATS[] = {BLOCK_FORMATS(FORMAT_ROW)};

/* Random bits, but no word of them is an f16 that is not finite. */
static void fill(rng *r, uint8_t *bytes, int64_t count) {
    for (int64_t i = 0; i < count; i += 2) {
        uint16_t word = (uint16_t)rng_below(r, 1 << 16);
        word ^= (word & 0x7c00) == 0x7c00 ? 0x4000 : 0;
        memcpy(bytes + i, &word, 2);
    }
}

typedef struct problem {
    block_rows rows;
    int8_t *q;
    int32_t *sum;
    float step[MOST_COLS * BLOCKS];
    int64_t cols;
} problem;

typedef struct results {
    float gemv[ROWS], gemm[MOST_COLS * LD], expanded[BLOCK_VALUES * BLOCK_ROWS];
} results;

static void run(const block_kernels *kernels, const problem *p, results *to) {
    static _Alignas(64) uint8_t tile[BLOCK_TILE_BYTES];
    static block_side side[MOST_COLS * BLOCKS];
    memset(to, 0, sizeof *to);
    for (int64_t b = 0; b < BLOCKS; b++) {
        kernels->prepare(p->sum + b * BLOCK_SUMS, p->step[b], side + b);
    }
    kernels->gemv(&p->rows, p->q, side, to->gemv);
    for (int64_t b = 0; b < BLOCKS; b++) {
        for (int64_t c = 0; c < p->cols; c++) {
            int64_t at = c * BLOCKS + b;
            kernels->prepare(p->sum + at * BLOCK_SUMS, p->step[at], side + c);
        }
        kernels->gemm(&p->rows, b, p->q + b * BLOCK_VALUES, BLOCKS * BLOCK_VALUES, side, p->cols, to->gemm, LD, tile);
    }
    kernels->expand(p->rows.parameters, p->rows.w, to->expanded, BLOCK_ROWS);
}

static void compare(rng *r, int format, int64_t cols) {
    problem p = {.cols = cols};
    int64_t bytes = setun_block_packed_bytes(FORMATS[format].id, ROWS, BLOCKS * BLOCK_VALUES);
    uint8_t *w = guarded(bytes, 0);
    fill(r, w, bytes);
    for (int i = 16; i < BLOCK_PARAMETERS; i++) { /* what formats keep there repeats */
        w[i] = w[i % 16];
    }
    p.rows = (block_rows){w, w + BLOCK_PARAMETERS, BLOCKS, GROUPS};
    p.q = guarded(cols * BLOCKS * BLOCK_VALUES, 0);
    p.sum = guarded(cols * BLOCKS * BLOCK_SUMS * (int64_t)sizeof *p.sum, 0);
    for (int64_t i = 0; i < cols * BLOCKS * BLOCK_SUMS; i++) {
        p.sum[i] = 0;
        for (int64_t j = 0; j < 16; j++) {
            p.q[16 * i + j] = (int8_t)(rng_below(r, 255) - 127);
            p.sum[i] += p.q[16 * i + j];
        }
    }
    for (int64_t i = 0; i < cols * BLOCKS; i++) {
        p.step[i] = (float)(1 + rng_below(r, 1000)) * 0x1p-10f;
    }
    static results expected, avxvnni, amx;
    run(block_table_portable.formats[format], &p, &expected);
    run(block_table_avxvnni.formats[format], &p, &avxvnni);
    run(block_table_amx.formats[format], &p, &amx);
    CHECK(memcmp(&expected, &avxvnni, sizeof expected) == 0, "avxvnni: %s, %lld columns", FORMATS[format].name, (long long)cols);
    CHECK(memcmp(&expected, &amx, sizeof expected) == 0, "amx: %s, %lld columns", FORMATS[format].name, (long long)cols);
    guarded_free_all();
}

int main(void) {
    if (!setun_cpu_supports(SETUN_ISA_AVX512)) {
        printf("skipped: this machine has no avx512\n");
        return EXIT_SKIPPED;
    }
    rng r = {11};
    for (int format = 0; format < BLOCK_FORMAT_COUNT; format++) {
        static const int64_t COLS[] = {1, 2, 3, 6, 15, 16, 17, 22, 31, 32, 33, 40};
        for (size_t i = 0; i < sizeof COLS / sizeof *COLS; i++) {
            compare(&r, format, COLS[i]);
        }
    }
    return check_report("emulated tiers of the block formats");
}
