/* setun_gemm_f32: checks, and who computes: packed kernels, or kernels for few rows or a BLAS over a grid of tiles from the shape alone. */
#include "setun/gemm.h"

#include <string.h>

#include "simd/common/check.h"
#include "simd/gemm/call.h"
#include "simd/gemm/gemm.h"

/* What a tile should hold at least (some tens of microseconds), how many there are at most, and the sides down to which C is cut before
 * and after k is split. */
enum { TILE_PRODUCTS = 1 << 22, LARGE_SIDE = 128, SMALL_SIDE = 64, MAX_TILES = 128 };
/* With few tiles, a long k is split into parts of at least SPLIT_DEPTH; their partial results are added in order. */
enum { SPLIT_DEPTH = 1024, MAX_SPLITS = 16, COMBINE_ROWS = 16 };
/* Columns of a tile when A has few rows: this many values of B. */
enum { SKINNY_VALUES = 1 << 16 };

typedef void (*cblas_sgemm_function)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                                     const float *b, int ldb, float beta, float *c, int ldc);
enum { CBLAS_ROW_MAJOR = 101, CBLAS_NO_TRANS = 111, CBLAS_TRANS = 112 };

typedef struct gemm_job {
    gemm_tile whole;
    const setun_gemm_kernels *kernels;
    cblas_sgemm_function sgemm;
    bool skinny;
    int64_t tile_m, tile_n, tile_k;
    int64_t columns, splits; /* tiles along n; parts of k */
    float *partial;          /* [splits][m][n] if splits > 1 */
} gemm_job;

static void run_tile(const gemm_job *job, const gemm_tile *t) {
    if (job->skinny) {
        job->kernels->skinny(t);
    } else {
        job->sgemm(CBLAS_ROW_MAJOR, t->trans_a ? CBLAS_TRANS : CBLAS_NO_TRANS, t->trans_b ? CBLAS_TRANS : CBLAS_NO_TRANS, (int)t->m,
                   (int)t->n, (int)t->k, t->alpha, t->a, (int)t->lda, t->b, (int)t->ldb, t->beta, t->c, (int)t->ldc);
    }
}

/* Chunk numbers count parts of k fastest, then tiles along n, then along m. */
static void gemm_chunk(void *arg, int64_t chunk, int32_t worker) {
    (void)worker;
    const gemm_job *job = arg;
    int64_t split = chunk % job->splits, place = chunk / job->splits;
    int64_t i = place / job->columns * job->tile_m, j = place % job->columns * job->tile_n, p = split * job->tile_k;
    gemm_tile t = job->whole;
    t.m = setun_min_i64(job->tile_m, t.m - i);
    t.n = setun_min_i64(job->tile_n, t.n - j);
    t.k = setun_min_i64(job->tile_k, t.k - p);
    t.a += t.trans_a ? p * t.lda + i : i * t.lda + p;
    t.b += t.trans_b ? j * t.ldb + p : p * t.ldb + j;
    if (job->splits > 1) {
        t.c = job->partial + (split * job->whole.m + i) * job->whole.n + j;
        t.ldc = job->whole.n;
        t.beta = 0;
    } else {
        t.c += i * t.ldc + j;
    }
    run_tile(job, &t);
}

/* C = beta * C + partial[0] + partial[1] + ..., some rows of it. */
static void combine_chunk(void *arg, int64_t chunk, int32_t worker) {
    (void)worker;
    const gemm_job *job = arg;
    const gemm_tile *t = &job->whole;
    int64_t last = setun_min_i64(t->m, (chunk + 1) * COMBINE_ROWS);
    for (int64_t i = chunk * COMBINE_ROWS; i < last; i++) {
        float *c = t->c + i * t->ldc;
        for (int64_t split = 0; split < job->splits; split++) {
            const float *part = job->partial + (split * t->m + i) * t->n;
            float keep = split == 0 ? t->beta : 1.0f;
            for (int64_t j = 0; j < t->n; j++) {
                c[j] = keep == 0.0f ? part[j] : keep * c[j] + part[j];
            }
        }
    }
}

static int64_t tiles_of(const gemm_job *job) {
    return setun_ceil_div(job->whole.m, job->tile_m) * setun_ceil_div(job->whole.n, job->tile_n);
}

/* Halves sides down to `least`, each time the one whose halving costs less packing: rows of A are copied once per column of tiles,
 * rows of B once per row of tiles, and a transposing copy costs about four plain ones. */
static void halve_sides(gemm_job *job, int64_t wanted, int64_t least) {
    while (tiles_of(job) < wanted && (job->tile_m > least || job->tile_n > least)) {
        bool narrow = job->tile_m <= least || (job->tile_n > least && job->tile_n * (job->whole.trans_b ? 4 : 1) >= job->tile_m);
        int64_t *side = narrow ? &job->tile_n : &job->tile_m;
        *side = setun_round_up(setun_ceil_div(*side, 2), SMALL_SIDE / 2);
    }
}

static void choose_tiles(gemm_job *job) {
    const gemm_tile *t = &job->whole;
    double products = (double)t->m * (double)t->n * (double)t->k;
    int64_t wanted = products < (double)MAX_TILES * TILE_PRODUCTS ? (int64_t)(products / TILE_PRODUCTS) : MAX_TILES;
    job->tile_m = t->m;
    job->tile_n = t->n;
    halve_sides(job, wanted, LARGE_SIDE);
    int64_t splits = setun_min_i64(setun_min_i64(wanted / tiles_of(job), MAX_SPLITS), t->k / SPLIT_DEPTH);
    splits = setun_max_i64(1, splits);
    job->tile_k = setun_ceil_div(t->k, splits);
    halve_sides(job, wanted / splits, SMALL_SIDE);
}

/* Products with very few rows read B once, from where it lies. One with a single column is turned into one with a single row. */
static void choose_path(gemm_job *job) {
    gemm_tile *t = &job->whole;
    if (t->n == 1 && t->ldc == 1 && (t->trans_b || t->ldb == 1) && t->m > 1) {
        gemm_tile turned = *t;
        turned.m = 1;
        turned.n = t->m;
        turned.a = t->b;
        turned.b = t->a;
        turned.lda = t->k;
        turned.ldb = t->lda;
        turned.trans_a = 0;
        turned.trans_b = !t->trans_a;
        turned.ldc = t->m;
        *t = turned;
    }
    job->skinny = t->m <= GEMM_SKINNY_ROWS && !t->trans_a;
    if (job->skinny) {
        job->tile_m = t->m;
        job->tile_k = t->k;
        job->tile_n = setun_round_up(setun_max_i64(1, setun_min_i64(SKINNY_VALUES / t->k, t->n)), SMALL_SIDE);
    } else {
        choose_tiles(job);
    }
    int64_t widest = setun_max_i64(setun_max_i64(t->lda, t->ldb), setun_max_i64(t->ldc, t->n));
    if (setun_max_i64(widest, setun_max_i64(t->m, t->k)) > INT32_MAX) {
        job->sgemm = NULL; /* its ints are 32 bits wide */
    }
}

static setun_status multiply_packed(setun_context *context, const gemm_job *job) {
    const gemm_tile *t = &job->whole;
    packed_product product = {.m = t->m,
                              .n = t->n,
                              .k = t->k,
                              .alpha = t->alpha,
                              .beta = t->beta,
                              .a = {BF_F32, !t->trans_a, {t->a, t->lda, NULL}},
                              .b = {BF_F32, t->trans_b != 0, {t->b, t->ldb, NULL}},
                              .c = t->c,
                              .ldc = t->ldc};
    return packed_multiply(context, &job->kernels->packed, &product);
}

static setun_status multiply(setun_context *context, const gemm_tile *whole) {
    gemm_job job = {.whole = *whole, .kernels = setun_gemm_select(setun_context_isa(context))};
    void *blas = setun_context_sgemm(context);
    memcpy(&job.sgemm, &blas, sizeof blas);
    choose_path(&job);
    if (!job.skinny && job.sgemm == NULL) {
        return multiply_packed(context, &job);
    }
    const gemm_tile *t = &job.whole;
    job.columns = setun_ceil_div(t->n, job.tile_n);
    job.splits = setun_ceil_div(t->k, job.tile_k);
    int64_t partial = job.splits > 1 ? job.splits * t->m * t->n : 0;
    if (partial > 0) {
        job.partial = setun_scratch(context, (size_t)partial * sizeof(float));
        if (job.partial == NULL) {
            return setun_fail(context, SETUN_OUT_OF_MEMORY, "no memory for %lld values of scratch", (long long)partial);
        }
    }
    setun_parallel(context, setun_ceil_div(t->m, job.tile_m) * job.columns * job.splits, gemm_chunk, &job);
    if (job.splits > 1) {
        setun_parallel(context, setun_ceil_div(t->m, COMBINE_ROWS), combine_chunk, &job);
    }
    return SETUN_OK;
}

static setun_status gemm_f32(setun_context *context, const setun_gemm_f32_args *args) {
    SETUN_REQUIRE_ARGS(context, args);
    const gemm_call call = {args->trans_a, args->trans_b, args->m, args->n,   args->k,     args->a,    args->lda,
                            args->b,       args->ldb,     args->c, args->ldc, args->alpha, args->beta, NULL};
    bool done;
    setun_status checked = gemm_check(context, &call, &done);
    if (checked != SETUN_OK || done) {
        return checked;
    }
    gemm_tile whole = {args->trans_a, args->trans_b, args->m,   args->n, args->k,  args->alpha, args->beta,
                       args->a,       args->lda,     args->b, args->ldb, args->c, args->ldc};
    return multiply(context, &whole);
}

setun_status setun_gemm_f32(setun_context *context, const setun_gemm_f32_args *args) {
    SETUN_CALL(context, gemm_f32(context, args));
}
