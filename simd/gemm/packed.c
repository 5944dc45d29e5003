/* packed_multiply: part of the depth at a time, both operands are packed, then tiles of C are computed from them. */
#include "simd/gemm/packed.h"

#include "simd/common/check.h"

/* Packed operands of a part stay in a shared cache of this size where they can: fewer parts, fewer passes over C and fewer meetings of the
 * threads. */
enum { PART_BYTES = 16 << 20 };
/* Rows or columns that one chunk packs: whole blocks of the ternary layout. Blocks of depth are whole groups of its rows. */
enum { PACK_LINES = 256, DEPTH_UNIT = 32 };
/* Sides of a tile of C, and how many tiles there should be (smaller ones are made for it): many, so that threads end together. */
enum { TILE_ROWS = 70, TILE_COLUMNS = 256, FEWEST_COLUMNS = 128, FEWEST_TILES = 128 };

typedef struct packed_job {
    const packed_product *product;
    const packed_kernels *kernels;
    int64_t block, blocks;       /* depth of a packed block; blocks of a part */
    int64_t start, depth;        /* the present part */
    int64_t padded_m, padded_n;  /* packed extents */
    int64_t chunks_a, chunks_b;  /* of packing one block */
    int64_t tile_m, tile_n, tiles_m;
    char *a, *b; /* [blocks][padded_m][PACKED_STRIDE], [blocks][padded_n / columns] panels of depth `block` */
} packed_job;

static int64_t packed_a(const packed_job *job) { return job->padded_m * PACKED_STRIDE * job->kernels->value_bytes; }
static int64_t packed_b(const packed_job *job) { return job->padded_n * job->block * job->kernels->value_bytes; }

/* Depth of block number `block` of the part. */
static int64_t block_depth(const packed_job *job, int64_t block) { return setun_min_i64(job->block, job->depth - block * job->block); }

/* The operand from row (A) or column (B) `line` and index p of the reduction on. line is a multiple of PACK_LINES, p of
 * DEPTH_UNIT. */
static packed_operand operand_at(const packed_operand *whole, int64_t line, int64_t p) {
    static const int64_t BYTES[] = {[BF_F32] = 4, [BF_BF16] = 2, [BF_I8] = 1};
    packed_operand part = *whole;
    int64_t row = whole->along ? line : p, column = whole->along ? p : line;
    const char *data = whole->source.data;
    part.source.data = whole->type == BF_TERNARY ? data + row / 4 * whole->source.ld + column
                                                 : data + (row * whole->source.ld + column) * BYTES[whole->type];
    part.source.step = whole->source.step == NULL ? NULL : whole->source.step + p;
    return part;
}

static void pack_chunk(void *arg, int64_t chunk, int32_t worker) {
    (void)worker;
    const packed_job *job = arg;
    const packed_product *all = job->product;
    int64_t block = chunk / (job->chunks_a + job->chunks_b), part = chunk % (job->chunks_a + job->chunks_b);
    int64_t p = job->start + block * job->block, k = block_depth(job, block);
    if (part < job->chunks_a) {
        int64_t line = part * PACK_LINES;
        packed_operand a = operand_at(&all->a, line, p);
        char *to = job->a + block * packed_a(job) + line * PACKED_STRIDE * job->kernels->value_bytes;
        int64_t rows = setun_min_i64(PACK_LINES, all->m - line);
        job->kernels->pack_rows(&a, rows, k, to, part == job->chunks_a - 1 ? job->padded_m - line : rows);
    } else {
        int64_t line = (part - job->chunks_a) * PACK_LINES;
        packed_operand b = operand_at(&all->b, line, p);
        char *to = job->b + block * packed_b(job) + line * setun_round_up(k, job->kernels->depth) * job->kernels->value_bytes;
        job->kernels->pack_panels(&b, setun_min_i64(PACK_LINES, all->n - line), k, to);
    }
}

/* Chunk numbers count tiles along m fastest: threads work on the same columns of B. */
static void tile_chunk(void *arg, int64_t chunk, int32_t worker) {
    (void)worker;
    const packed_job *job = arg;
    const packed_product *all = job->product;
    int64_t i = chunk % job->tiles_m * job->tile_m, j = chunk / job->tiles_m * job->tile_n;
    packed_tile t = {.m = setun_min_i64(job->tile_m, all->m - i),
                   .n = setun_min_i64(job->tile_n, all->n - j),
                   .along_a = all->a.along,
                     .alpha = all->alpha,
                   .c = all->c + i * all->ldc + j,
                   .ldc = all->ldc};
    for (int64_t block = 0; block < setun_ceil_div(job->depth, job->block); block++) {
        bool first = job->start + block == 0;
        t.k = setun_round_up(block_depth(job, block), job->kernels->depth);
        t.a = job->a + block * packed_a(job) + i * PACKED_STRIDE * job->kernels->value_bytes;
        t.b = job->b + block * packed_b(job) + j * t.k * job->kernels->value_bytes;
        t.beta = first ? all->beta : 1.0f;
        t.bias = first && all->bias != NULL ? all->bias + j : NULL;
        job->kernels->tile(&t);
    }
}

static int64_t tiles_of(const packed_job *job) {
    return setun_ceil_div(job->product->m, job->tile_m) * setun_ceil_div(job->product->n, job->tile_n);
}

/* Equal tiles, rather small than few. */
static void choose_tiles(packed_job *job) {
    const packed_product *all = job->product;
    int64_t rows = job->kernels->rows;
    job->tile_n = setun_round_up(setun_ceil_div(all->n, setun_ceil_div(all->n, TILE_COLUMNS)), job->kernels->columns);
    job->tile_m = setun_round_up(setun_ceil_div(all->m, setun_ceil_div(all->m, setun_max_i64(TILE_ROWS / rows, 1) * rows)), rows);
    while (tiles_of(job) < FEWEST_TILES && (job->tile_n > FEWEST_COLUMNS || job->tile_m > rows)) {
        if (job->tile_n > FEWEST_COLUMNS) {
            job->tile_n = setun_round_up(job->tile_n / 2, job->kernels->columns);
        } else {
            job->tile_m -= rows;
        }
    }
    job->tiles_m = setun_ceil_div(all->m, job->tile_m);
}

setun_status packed_multiply(setun_context *context, const packed_kernels *kernels, const packed_product *product) {
    packed_job job = {.product = product, .kernels = kernels};
    int64_t k = product->k, bytes, total;
    job.padded_m = setun_round_up(product->m, job.kernels->rows);
    job.padded_n = setun_round_up(product->n, job.kernels->columns);
    job.block = setun_round_up(setun_ceil_div(k, setun_ceil_div(k, PACKED_DEPTH)), DEPTH_UNIT);
    if (!setun_mul_i64(job.padded_m, PACKED_STRIDE * (int64_t)sizeof(float), &bytes) ||
        !setun_mul_i64(job.padded_n, PACKED_STRIDE * (int64_t)sizeof(float), &total) || bytes > INT64_MAX - total) {
        return setun_fail(context, SETUN_OUT_OF_MEMORY, "no memory to pack m = %lld rows and n = %lld columns", (long long)product->m,
                          (long long)product->n);
    }
    bytes = packed_a(&job) + packed_b(&job);
    job.blocks = setun_min_i64(setun_max_i64(1, PART_BYTES / bytes), setun_ceil_div(k, job.block));
    job.a = setun_scratch(context, (size_t)(job.blocks * bytes));
    if (job.a == NULL) {
        return setun_fail(context, SETUN_OUT_OF_MEMORY, "no memory for %lld bytes of packed operands", (long long)(job.blocks * bytes));
    }
    job.b = job.a + job.blocks * packed_a(&job);
    job.chunks_a = setun_ceil_div(product->m, PACK_LINES);
    job.chunks_b = setun_ceil_div(product->n, PACK_LINES);
    choose_tiles(&job);
    for (job.start = 0; job.start < k; job.start += job.depth) {
        job.depth = setun_min_i64(k - job.start, job.blocks * job.block);
        setun_parallel(context, setun_ceil_div(job.depth, job.block) * (job.chunks_a + job.chunks_b), pack_chunk, &job);
        setun_parallel(context, tiles_of(&job), tile_chunk, &job);
    }
    return SETUN_OK;
}
