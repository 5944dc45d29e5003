/* The kernels of one format on one tier. Included with FORMAT (q4_0), FORMAT_UPPER (Q4_0) and TIER (avx512) defined. */
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define OF(what) JOIN(FORMAT_UPPER, what) /* Q4_0_SUBS */
#define STEP(what) JOIN(FORMAT, what)     /* q4_0_codes */
#define NAME(what) JOIN(JOIN(FORMAT, what), TIER)

enum {
    NAME(RUNS) = 8 / OF(FIELDS),          /* of vectors: 32 * FIELDS values each */
    NAME(QUADS) = 64 / OF(SUBS),          /* of a sub-block */
    NAME(PARTS_OF_RUN) = OF(SUBS) == 16 ? 2 : 1, /* of the eight vectors of a run, that sub-blocks end in */
    NAME(ZERO) = OF(ZERO) - (OF(WIDE) ? LANES_WIDE_ZERO : 0)
};

VF_INLINE vi NAME(dot)(vi sum, vi u, vi s) { return OF(WIDE) ? lanes_dot_wide(sum, u, s) : lanes_dot(sum, u, s); }

static void NAME(prepare)(const int32_t *sum, float step, block_side *side) {
    side->step = step;
    for (int j = 0; j < OF(SUBS); j++) {
        int total = 0;
        for (int i = 0; i < 16 / OF(SUBS); i++) {
            total += sum[16 / OF(SUBS) * j + i];
        }
        side->offset[j] = -NAME(ZERO) * total;
        side->sum[(j & ~3) | (j & 1) << 1 | (j >> 1 & 1)] = (int16_t)total;
    }
}

/* t of setun/blockquant.h from what the sub-blocks of a block gave. */
VF_INLINE vf NAME(finish)(vf real, vi whole, vf d, vf e, vi minima) {
    if (OF(SCALES) == BLOCK_SCALE_REAL) {
        return real;
    }
    return OF(MINIMA) ? d * vf_of(whole) - e * vf_of(minima) : d * vf_of(whole);
}

/* t of one part of a record's rows. */
VF_INLINE vf NAME(block)(const uint8_t *parameters, const uint8_t *record, int part, const int8_t *q, const block_side *side) {
    block_scales scales;
    STEP(scales)(record, part, &scales);
    vf real = vf_set1(0);
    vi whole = vi_set1(0), minima = vi_set1(0);
    BLOCK_UNROLL(8)
    for (int c = 0; c < NAME(RUNS); c++) {
        BLOCK_UNROLL(2)
        for (int h = 0; h < NAME(PARTS_OF_RUN); h++) {
            vi sum[OF(FIELDS)];
            BLOCK_UNROLL(8)
            for (int f = 0; f < OF(FIELDS); f++) {
                int sub = (OF(FIELDS) * c + f) * OF(SUBS) / 8 + h;
                sum[f] = vi_set1(OF(SUBS) > 1 || (c == 0 && f == 0) ? side->offset[sub] : 0);
            }
            BLOCK_UNROLL(8)
            for (int s = 8 / NAME(PARTS_OF_RUN) * h; s < 8 / NAME(PARTS_OF_RUN) * (h + 1); s++) {
                vi u[OF(FIELDS)];
                STEP(codes)(parameters, record, part, c, s, u);
                BLOCK_UNROLL(8)
                for (int f = 0; f < OF(FIELDS); f++) {
                    sum[f] = NAME(dot)(sum[f], u[f], vi_four(q + 32 * (OF(FIELDS) * c + f) + 4 * s));
                }
            }
            BLOCK_UNROLL(8)
            for (int f = 0; f < OF(FIELDS); f++) {
                int sub = (OF(FIELDS) * c + f) * OF(SUBS) / 8 + h;
                if (OF(SCALES) == BLOCK_SCALE_REAL) {
                    real += scales.real[sub] * vf_of(sum[f]);
                } else {
                    whole += OF(SCALES) == BLOCK_SCALE_WHOLE ? scales.whole[sub] * sum[f] : sum[f];
                }
            }
        }
    }
    for (int v = 0; OF(MINIMA) && v < OF(SUBS) / 2; v++) {
        minima = lanes_pairs(minima, scales.minima[v], vi_four(side->sum + 2 * v));
    }
    return NAME(finish)(real, whole, scales.d, scales.e, minima);
}

static void NAME(gemv)(const block_rows *rows, const int8_t *q, const block_side *side, float *y) {
    const uint8_t *record = rows->w;
    for (int64_t g = 0; g < rows->groups; g++, y += BLOCK_ROWS) {
        vf total[LANES_PARTS];
        for (int part = 0; part < LANES_PARTS; part++) {
            total[part] = vf_set1(0);
        }
        for (int64_t b = 0; b < rows->blocks; b++, record += OF(RECORD_BYTES)) {
            for (int part = 0; part < LANES_PARTS; part++) {
                total[part] += side[b].step * NAME(block)(rows->parameters, record, part, q + BLOCK_VALUES * b, side + b);
            }
        }
        for (int part = 0; part < LANES_PARTS; part++) {
            vf_store(y + part * VF_LANES, total[part]);
        }
    }
}

/* A block of some rows, one byte per code, for many columns: vectors VECTORS * VF_LANES rows wide. */
typedef struct NAME(tile) {
    vi codes[64][BLOCK_VECTORS]; /* by quads of values */
    vf real[8][BLOCK_VECTORS];
    vi whole[16][BLOCK_VECTORS], minima[8][BLOCK_VECTORS];
    vf d[BLOCK_VECTORS], e[BLOCK_VECTORS];
} NAME(tile);

static void NAME(fill)(const uint8_t *parameters, const uint8_t *record, int part, int v, NAME(tile) * tile) {
    for (int c = 0; c < NAME(RUNS); c++) {
        for (int s = 0; s < 8; s++) {
            vi u[OF(FIELDS)];
            STEP(codes)(parameters, record, part, c, s, u);
            BLOCK_UNROLL(8)
            for (int f = 0; f < OF(FIELDS); f++) {
                tile->codes[8 * (OF(FIELDS) * c + f) + s][v] = u[f];
            }
        }
    }
    block_scales scales;
    STEP(scales)(record, part, &scales);
    for (int j = 0; j < OF(SUBS); j++) {
        if (OF(SCALES) == BLOCK_SCALE_REAL) {
            tile->real[j % 8][v] = scales.real[j % 8];
        } else if (OF(SCALES) == BLOCK_SCALE_WHOLE) {
            tile->whole[j][v] = scales.whole[j];
        }
    }
    for (int j = 0; OF(MINIMA) && j < OF(SUBS) / 2; j++) {
        tile->minima[j][v] = scales.minima[j];
    }
    tile->d[v] = OF(SCALES) == BLOCK_SCALE_REAL ? vf_set1(0) : scales.d;
    tile->e[v] = OF(MINIMA) ? scales.e : vf_set1(0);
}

/* Adds to y what a block gives one column and vector of rows. */
VF_INLINE void NAME(add)(const NAME(tile) * tile, int v, vf real, vi whole, const block_side *side, float *y) {
    vi minima = vi_set1(0);
    for (int j = 0; OF(MINIMA) && j < OF(SUBS) / 2; j++) {
        minima = lanes_pairs(minima, tile->minima[j][v], vi_four(side->sum + 2 * j));
    }
    vf_store(y, vf_load(y) + side->step * NAME(finish)(real, whole, tile->d[v], tile->e[v], minima));
}

/* `cols` columns, a constant of the caller. */
VF_INLINE void NAME(columns)(const NAME(tile) * tile, const int8_t *q, int64_t ldq, const block_side *side, int cols, float *y,
                             int64_t ldy) {
    vf real[BLOCK_COLUMNS][BLOCK_VECTORS];
    vi whole[BLOCK_COLUMNS][BLOCK_VECTORS], sum[BLOCK_COLUMNS][BLOCK_VECTORS];
    BLOCK_UNROLL(8)
    for (int c = 0; c < cols; c++) {
        BLOCK_UNROLL(2)
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            real[c][v] = vf_set1(0);
            whole[c][v] = vi_set1(0);
        }
    }
    for (int j = 0; j < OF(SUBS); j++) {
        BLOCK_UNROLL(8)
        for (int c = 0; c < cols; c++) {
            BLOCK_UNROLL(2)
            for (int v = 0; v < BLOCK_VECTORS; v++) {
                sum[c][v] = vi_set1(side[c].offset[j]);
            }
        }
        BLOCK_UNROLL(8)
        for (int i = 0; i < NAME(QUADS); i++) {
            int quad = j * NAME(QUADS) + i;
            vi u[BLOCK_VECTORS];
            BLOCK_UNROLL(2)
            for (int v = 0; v < BLOCK_VECTORS; v++) {
                u[v] = tile->codes[quad][v];
            }
            BLOCK_UNROLL(8)
            for (int c = 0; c < cols; c++) {
                vi x = vi_four(q + c * ldq + 4 * quad);
                BLOCK_UNROLL(2)
                for (int v = 0; v < BLOCK_VECTORS; v++) {
                    sum[c][v] = NAME(dot)(sum[c][v], u[v], x);
                }
            }
        }
        BLOCK_UNROLL(8)
        for (int c = 0; c < cols; c++) {
            BLOCK_UNROLL(2)
            for (int v = 0; v < BLOCK_VECTORS; v++) {
                if (OF(SCALES) == BLOCK_SCALE_REAL) {
                    real[c][v] += tile->real[j % 8][v] * vf_of(sum[c][v]);
                } else {
                    whole[c][v] += OF(SCALES) == BLOCK_SCALE_WHOLE ? tile->whole[j][v] * sum[c][v] : sum[c][v];
                }
            }
        }
    }
    BLOCK_UNROLL(8)
    for (int c = 0; c < cols; c++) {
        BLOCK_UNROLL(2)
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            NAME(add)(tile, v, real[c][v], whole[c][v], side + c, y + c * ldy + v * VF_LANES);
        }
    }
}

#ifdef BLOCK_AMX
#include "format_amx.h"
#endif

static void NAME(gemm)(const block_rows *rows, int64_t block, const int8_t *q, int64_t ldq, const block_side *side, int64_t cols, float *y,
                       int64_t ldy, void *memory) {
    NAME(tile) *tile = memory;
    enum { ROWS = BLOCK_VECTORS * VF_LANES };
    for (int64_t first = 0; first < BLOCK_ROWS * rows->groups; first += ROWS) {
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            int64_t row = setun_min_i64(first + v * VF_LANES, BLOCK_ROWS * rows->groups - VF_LANES);
            const uint8_t *record = rows->w + (row / BLOCK_ROWS * rows->blocks + block) * OF(RECORD_BYTES);
            NAME(fill)(rows->parameters, record, (int)(row % BLOCK_ROWS) / VF_LANES, v, tile);
        }
        int64_t c = 0;
#ifdef BLOCK_AMX
        if (OF(SUBS) <= 8 && cols >= 16) {
            amx_publish(tile);
            NAME(configure)();
            for (; c + 16 <= cols; c += 16) {
                NAME(sixteen)(tile, q + c * ldq, ldq, side + c, y + c * ldy + first, ldy);
            }
            _tile_release();
        }
#endif
        for (; c + BLOCK_COLUMNS <= cols; c += BLOCK_COLUMNS) {
            NAME(columns)(tile, q + c * ldq, ldq, side + c, BLOCK_COLUMNS, y + c * ldy + first, ldy);
        }
        for (; c + 2 <= cols; c += 2) {
            NAME(columns)(tile, q + c * ldq, ldq, side + c, 2, y + c * ldy + first, ldy);
        }
        if (c < cols) {
            NAME(columns)(tile, q + c * ldq, ldq, side + c, 1, y + c * ldy + first, ldy);
        }
    }
}

static void NAME(expand)(const uint8_t *parameters, const uint8_t *record, float *out, int64_t ld) {
    for (int part = 0; part < LANES_PARTS; part++) {
        block_scales scales;
        STEP(scales)(record, part, &scales);
        for (int c = 0; c < NAME(RUNS); c++) {
            for (int s = 0; s < 8; s++) {
                vi u[OF(FIELDS)];
                STEP(codes)(parameters, record, part, c, s, u);
                for (int f = 0; f < OF(FIELDS); f++) {
                    int i = 32 * (OF(FIELDS) * c + f) + 4 * s, sub = i * OF(SUBS) / BLOCK_VALUES;
                    vf scale = OF(SCALES) == BLOCK_SCALE_REAL    ? scales.real[sub % 8]
                               : OF(SCALES) == BLOCK_SCALE_WHOLE ? scales.d * vf_of(scales.whole[sub])
                                                                 : scales.d;
                    for (int j = 0; j < 4; j++) {
                        vf value = scale * vf_of(vi_byte(u[f], j) - OF(ZERO));
                        if (OF(MINIMA)) {
                            vi pair = scales.minima[sub / 4 * 2 + sub % 2];
                            value -= scales.e * vf_of(sub / 2 % 2 == 0 ? pair & 0xffff : pair >> 16);
                        }
                        vf_store(out + (i + j) * ld + part * VF_LANES, value);
                    }
                }
            }
        }
    }
}

static const block_kernels NAME(kernels) = {NAME(prepare), NAME(gemv), NAME(gemm), NAME(expand)};

#undef NAME
#undef STEP
#undef OF
#undef JOIN
#undef JOIN_
#undef FORMAT
#undef FORMAT_UPPER
