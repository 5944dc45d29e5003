/* Attention backward in bf16. As in attention_backward_body.h, a task owns some keys of one key-value head. Their gradients grow
 * transposed, [head_dim][keys]: so p and ds are right operands there, and every left operand but ds was packed once. */

enum { BF16_QUERIES = BF16_BACKWARD_QUERIES, BF16_KEYS = BF16_BACKWARD_KEYS };

/* Scratch of a task. */
typedef struct bf16_blocks {
    int64_t d, width;
    bf_value *kt, *vt; /* panels over head_dim */
    bf_value *k;       /* panels over the keys */
    float *dk, *dv;    /* [width][KEYS] */
    float *p, *ds;     /* [QUERIES][KEYS]: scores and dp */
    bf_value *p_panels, *ds_panels; /* over the queries, BF16_QUERIES * BF_COLS each */
    bf_value *ds_rows;              /* [QUERIES][KEYS] */
} bf16_blocks;

/* What two vectors of one query give: p = 2^(score - lse), ds = p * (dp - delta); 0 from `visible` on. */
typedef struct bf16_weight {
    vf p[2], ds[2];
} bf16_weight;

VF_INLINE bf16_weight bf16_weight_of(const float *score, const float *dp, float lse, float delta, int64_t visible) {
    bf16_weight w = {{vf_set1(0), vf_set1(0)}, {vf_set1(0), vf_set1(0)}};
    if (visible > 0) {
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            w.p[i] = vf_exp2_near(vf_load(score + i * VF_LANES) - vf_set1(lse));
            w.ds[i] = w.p[i] * (vf_load(dp + i * VF_LANES) - vf_set1(delta));
        }
    }
    if (visible < BF_COLS) {
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            vi seen = vi_first(visible - i * VF_LANES);
            w.p[i] = vf_select(seen, w.p[i], vf_set1(0));
            w.ds[i] = vf_select(seen, w.ds[i], vf_set1(0));
        }
    }
    return w;
}

/* From scores and dp of the block: p and ds in bf16, 0 for keys that a query must not see. Two queries at a time, as panels pair them. */
static void bf16_gradients(const setun_attention_args *args, int64_t query, int64_t rows, int64_t first_key, int64_t keys, const float *lse,
                           const float *delta, const bf16_blocks *s) {
    for (int64_t r = 0; r < setun_round_up(rows, BF16_STEP); r += 2) {
        int64_t first = r < rows ? bf16_visible(args, query + r, first_key, keys) : 0;
        int64_t second = r + 1 < rows ? bf16_visible(args, query + r + 1, first_key, keys) : 0;
        const float *score = s->p + r * BF16_KEYS, *dp = s->ds + r * BF16_KEYS;
        bf_value *p = s->p_panels + r * BF_COLS, *ds = s->ds_panels + r * BF_COLS, *row = s->ds_rows + r * BF16_KEYS;
        for (int64_t j = 0; j < keys; j += BF_COLS, p += BF16_QUERIES * BF_COLS, ds += BF16_QUERIES * BF_COLS) {
            bf16_weight a = bf16_weight_of(score + j, dp + j, lse[r], delta[r], first - j);
            bf16_weight b = bf16_weight_of(score + BF16_KEYS + j, dp + BF16_KEYS + j, lse[r + 1], delta[r + 1], second - j);
#pragma GCC unroll 2
            for (int i = 0; i < 2; i++) {
                bf16_put_pair(p, i, a.p[i], b.p[i]);
                bf16_put_pair(ds, i, a.ds[i], b.ds[i]);
            }
            bf16_put_row(row + j, a.ds[0], a.ds[1]);
            bf16_put_row(row + BF16_KEYS + j, b.ds[0], b.ds[1]);
        }
    }
}

/* to[d][keys] = (fresh) or += x p: what each query that sees a key gives to it. x [d][queries], p panels over the queries. */
static void bf16_add_to_keys(const setun_attention_args *args, int64_t query, int64_t rows, int64_t first_key, int64_t keys,
                             const bf_value *x, const bf_value *p, float *to, bool fresh) {
    for (int64_t j = 0; j < keys; j += BF_COLS, p += BF16_QUERIES * BF_COLS) {
        int64_t unseen = setun_max_i64(0, first_key + j - (query + args->s - args->t)); /* queries that see none of these keys */
        int64_t first = setun_min_i64(rows, unseen) / BF16_STEP * BF16_STEP;
        for (int64_t c = 0; c < args->head_dim; c += BF16_ROWS) {
            bf16_product(rows - first, x + c * BF16_QUERIES + first, BF16_QUERIES, p + first * BF_COLS, to + c * BF16_KEYS + j, BF16_KEYS,
                         !fresh);
        }
    }
}

/* dq[QUERIES][width] = (fresh) or += ds k, of a block. */
static void bf16_add_to_queries(const setun_attention_args *args, int64_t query, int64_t rows, int64_t first_key, int64_t keys,
                                const bf16_blocks *s, float *dq, bool fresh) {
    const bf_value *k = s->k;
    for (int64_t c = 0; c < args->head_dim; c += BF_COLS, k += bf16_panel(keys)) {
        for (int64_t i = 0; i < rows; i += BF16_ROWS) {
            bf16_product(bf16_depth(args, query, rows, i, first_key, keys), s->ds_rows + i * BF16_KEYS, BF16_KEYS, k,
                         dq + i * s->width + c, s->width, !fresh);
        }
    }
}

/* One packed query block of one head against the key block that is packed in s. fresh: the first that the key block meets; fresh_dq: the
 * first key block that the queries meet in this task. */
static void bf16_meet_queries(const setun_attention_args *args, const bf16_blocks *s, const float *packed, float *dq, int64_t query,
                              int64_t first_key, int64_t keys, bool fresh, bool fresh_dq) {
    int64_t part = BF16_QUERIES * s->width, rows = setun_min_i64(BF16_QUERIES, args->t - query);
    const bf_value *q = (const void *)packed, *dout = q + part, *qt = q + 2 * part, *doutt = q + 3 * part;
    const float *lse = (const void *)(q + 4 * part), *delta = lse + BF16_QUERIES;
    bf16_scores(args, query, rows, first_key, keys, q, s->kt, BF16_KEYS, s->p);
    bf16_scores(args, query, rows, first_key, keys, dout, s->vt, BF16_KEYS, s->ds);
    bf16_gradients(args, query, rows, first_key, keys, lse, delta, s);
    bf16_add_to_keys(args, query, rows, first_key, keys, doutt, s->p_panels, s->dv, fresh);
    bf16_add_to_keys(args, query, rows, first_key, keys, qt, s->ds_panels, s->dk, fresh);
    bf16_add_to_queries(args, query, rows, first_key, keys, s, dq, fresh_dq);
}

/* to[keys][ldt] = scale * from[width][KEYS], transposed, d values of each row. By cache lines of keys: rows of `to` may be far apart. */
static void bf16_write_keys(const float *from, float scale, int64_t keys, int64_t d, float *tile, float *to, int64_t ldt) {
    enum { LINE = 16 };
    int64_t width = attention_width(d);
    vf factor = vf_set1(scale);
    for (int64_t first = 0; first < keys; first += LINE) {
        for (int64_t c = 0; c < d; c += 4) {
            for (int64_t j = 0; j < LINE; j += 4) {
                transpose4(from + c * BF16_KEYS + first + j, BF16_KEYS, tile + j * width + c, width);
            }
        }
        for (int64_t j = 0; j < LINE && first + j < keys; j++, to += ldt) {
            VF_FOR(c, lanes, d) {
                vf_put(to + c, lanes, vf_load(tile + j * width + c) * factor);
            }
        }
    }
}

static bf16_blocks bf16_blocks_in(const setun_attention_args *args, float *scratch) {
    int64_t d = args->head_dim, width = attention_width(d), keys = BF16_KEYS * width, block = BF16_QUERIES * BF16_KEYS;
    bf16_blocks s = {.d = d, .width = width, .dk = scratch, .dv = scratch + keys, .p = scratch + 2 * keys};
    s.ds = s.p + block;
    s.kt = (void *)(s.ds + block);
    s.vt = s.kt + keys;
    s.k = s.vt + keys;
    s.p_panels = s.k + keys;
    s.ds_panels = s.p_panels + block;
    s.ds_rows = s.ds_panels + block;
    return s;
}

static void bf16_backward(const setun_attention_args *args, const attention_part *part, const float *packed, float *scratch) {
    int64_t group = args->heads / args->kv_heads, blocks = setun_ceil_div(args->t, BF16_QUERIES);
    bf16_blocks s = bf16_blocks_in(args, scratch);
    int64_t d = s.d, block_values = bf16_query_block(s.width, sizeof(bf_value));
    bf_tiles_begin();
    for (int64_t first = part->first_key; first < part->last_key; first += BF16_KEYS) {
        int64_t keys = setun_min_i64(BF16_KEYS, part->last_key - first), at = bf16_key_at(args, part->batch, part->kv_head, first);
        bf_source k = {.data = args->k + at, .ld = args->ldkv}, v = {.data = args->v + at, .ld = args->ldkv};
        bf_pack_panels(BF_F32, 1, &k, keys, d, s.kt);
        bf_pack_panels(BF_F32, 1, &v, keys, d, s.vt);
        bf_pack_panels(BF_F32, 0, &k, d, keys, s.k);
        int64_t first_query = attention_first_query(args, first);
        for (int64_t h = 0; h < group; h++) {
            int64_t sequence = part->batch * args->heads + part->kv_head * group + h;
            for (int64_t query = first_query; query < args->t; query += BF16_QUERIES) {
                int64_t block = sequence * blocks + query / BF16_QUERIES;
                bf16_meet_queries(args, &s, packed + block * block_values, part->dq + block * BF16_QUERIES * s.width, query, first, keys,
                                  h == 0 && query == first_query, first == part->first_key);
            }
        }
        bf16_write_keys(s.dk, args->scale, keys, d, s.p, args->dk + at, args->ldkv);
        bf16_write_keys(s.dv, 1.0f, keys, d, s.p, args->dv + at, args->ldkv);
    }
    bf_tiles_end();
}

static void bf16_finish_queries(const setun_attention_args *args, int64_t batch, int64_t head, int64_t query, const float *shares,
                                int64_t stride, int64_t parts) {
    int64_t d = args->head_dim, width = attention_width(d), rows = setun_min_i64(BF16_QUERIES, args->t - query);
    float *dq = args->dq + (batch * args->t + query) * args->ldq + head * d;
    vf scale = vf_set1(args->scale);
    for (int64_t r = 0; r < rows; r++, dq += args->ldq, shares += width) {
        VF_FOR(c, lanes, d) {
            vf sum = vf_load(shares + c);
            for (int64_t part = 1; part < parts; part++) {
                sum += vf_load(shares + part * stride + c);
            }
            vf_put(dq + c, lanes, sum * scale);
        }
    }
}
