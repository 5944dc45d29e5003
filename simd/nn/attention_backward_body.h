/* Attention backward (Dao et al., arXiv 2205.14135): probabilities are computed again from the saved log-sum-exp. A task owns some
 * keys of one key-value head: it writes their dk and dv, and its share of dq. */

static void attention_delta(const setun_attention_args *args, int64_t batch, int64_t head, float *delta) {
    int64_t d = args->head_dim;
    for (int64_t i = 0; i < args->t; i++) {
        int64_t at = ((batch * args->t + i) * args->heads + head) * d;
        delta[(batch * args->heads + head) * args->t + i] = vf_dot(args->dout + at, args->out + at, d);
    }
}

/* Scratch of a task. */
typedef struct backward_blocks {
    int64_t width;
    float *k, *kt, *vt; /* the key block: [BACKWARD_KEYS][width], transposed [head_dim][BACKWARD_KEYS] */
    float *dk, *dv;
    float *q, *dout, *dq; /* the query block: [BACKWARD_QUERIES][width], q scaled */
    float *p, *ds;        /* [BACKWARD_QUERIES][BACKWARD_KEYS] */
} backward_blocks;

/* p = e^(score - lse), ds = p * (dp - delta); 0 for keys that a query must not see. On entry p holds scores and ds holds dp. */
static void probabilities(const setun_attention_args *args, int64_t query, int64_t rows, int64_t first_key, int64_t keys,
                          const float *lse, const float *delta, float *p, float *ds) {
    for (int64_t r = 0; r < rows; r++, p += BACKWARD_KEYS, ds += BACKWARD_KEYS) {
        int64_t visible = setun_max_i64(0, visible_keys(args, query + r, first_key, keys));
        vf shift = vf_set1(lse[query + r]), mean = vf_set1(delta[query + r]);
        VF_FOR(j, lanes, visible) {
            vf weight = vf_exp(vf_get(p + j, lanes) - shift);
            vf_put(p + j, lanes, weight);
            vf_put(ds + j, lanes, weight * (vf_get(ds + j, lanes) - mean));
        }
        memset(p + visible, 0, (size_t)(BACKWARD_KEYS - visible) * sizeof(float));
        memset(ds + visible, 0, (size_t)(BACKWARD_KEYS - visible) * sizeof(float));
    }
}

/* to[keys][width] = (fresh) or += p^T x: what each query that sees a key gives to it. */
static void add_to_keys(const setun_attention_args *args, int64_t query, int64_t rows, int64_t first_key, int64_t keys, const float *p,
                        const float *x, float *to, bool fresh) {
    int64_t width = attention_width(args->head_dim);
    for (int64_t j = 0; j < keys; j += MICRO_ROWS) {
        int64_t first_row = first_key + j - (query + args->s - args->t); /* the first to see key j */
        int64_t unseen = setun_min_i64(rows, setun_max_i64(0, first_row));
        micro_block(MICRO_ROWS, width, rows - unseen, p + unseen * BACKWARD_KEYS + j, 1, BACKWARD_KEYS, x + unseen * width, width,
                    to + j * width, width, !fresh);
    }
}

/* One query block of one head against the key block that is packed in s. fresh: the first that the key block meets. */
static void meet_queries(const setun_attention_args *args, const attention_part *part, const backward_blocks *s, int64_t head,
                         int64_t query, int64_t first_key, int64_t keys, bool fresh) {
    int64_t d = args->head_dim, width = s->width, rows = setun_min_i64(BACKWARD_QUERIES, args->t - query);
    int64_t padded = setun_round_up(rows, MICRO_ROWS), heads_at = (part->batch * args->heads + head) * args->t;
    pack_queries(args, part->batch, head, query, rows, s->q, width);
    copy_pad(args->dout + ((part->batch * args->t + query) * args->heads + head) * d, args->heads * d, rows, d, s->dout, width,
             padded, width);
    block_scores(args, query, rows, first_key, keys, s->q, s->kt, BACKWARD_KEYS, s->p);
    block_scores(args, query, rows, first_key, keys, s->dout, s->vt, BACKWARD_KEYS, s->ds);
    probabilities(args, query, rows, first_key, keys, args->lse + heads_at, part->delta + heads_at, s->p, s->ds);
    add_to_keys(args, query, rows, first_key, keys, s->p, s->dout, s->dv, fresh);
    add_to_keys(args, query, rows, first_key, keys, s->ds, s->q, s->dk, fresh);
    block_values(args, query, rows, first_key, keys, s->ds, BACKWARD_KEYS, s->k, s->dq, 0);
    float *dq = part->dq + (part->batch * args->t + query) * args->ldq + head * d;
    vf scale = vf_set1(args->scale);
    for (int64_t r = 0; r < rows; r++, dq += args->ldq) {
        VF_FOR(c, lanes, d) {
            vf share = vf_load(s->dq + r * width + c) * scale;
            vf_put(dq + c, lanes, first_key == part->first_key ? share : vf_get(dq + c, lanes) + share);
        }
    }
}

static void write_key_gradients(const setun_attention_args *args, const attention_part *part, const backward_blocks *s,
                                int64_t first_key, int64_t keys) {
    int64_t head = part->kv_head * (args->heads / args->kv_heads);
    int64_t at = key_row(args, args->k, part->batch, head, first_key) - args->k;
    for (int64_t j = 0; j < keys; j++, at += args->ldkv) {
        memcpy(args->dk + at, s->dk + j * s->width, (size_t)args->head_dim * sizeof(float));
        memcpy(args->dv + at, s->dv + j * s->width, (size_t)args->head_dim * sizeof(float));
    }
}

static void attention_backward(const setun_attention_args *args, const attention_part *part, float *scratch) {
    int64_t d = args->head_dim, group = args->heads / args->kv_heads, width = attention_width(d);
    int64_t keys_block = BACKWARD_KEYS * width, queries_block = BACKWARD_QUERIES * width;
    float *q = scratch + 5 * keys_block, *p = q + 3 * queries_block;
    backward_blocks s = {.width = width,
                         .k = scratch,
                         .kt = scratch + keys_block,
                         .vt = scratch + 2 * keys_block,
                         .dk = scratch + 3 * keys_block,
                         .dv = scratch + 4 * keys_block,
                         .q = q,
                         .dout = q + queries_block,
                         .dq = q + 2 * queries_block,
                         .p = p,
                         .ds = p + BACKWARD_QUERIES * BACKWARD_KEYS};
    for (int64_t first = part->first_key; first < part->last_key; first += BACKWARD_KEYS) {
        int64_t keys = setun_min_i64(BACKWARD_KEYS, part->last_key - first), columns = setun_round_up(keys, MICRO_COLS);
        int64_t head = part->kv_head * group;
        const float *k = key_row(args, args->k, part->batch, head, first), *v = key_row(args, args->v, part->batch, head, first);
        copy_pad(k, args->ldkv, keys, d, s.k, width, keys, width);
        transpose_pad(k, args->ldkv, keys, d, s.kt, BACKWARD_KEYS, columns);
        transpose_pad(v, args->ldkv, keys, d, s.vt, BACKWARD_KEYS, columns);
        int64_t first_query = attention_first_query(args, first);
        for (int64_t h = 0; h < group; h++) {
            for (int64_t query = first_query; query < args->t; query += BACKWARD_QUERIES) {
                meet_queries(args, part, &s, head + h, query, first, keys, h == 0 && query == first_query);
            }
        }
        write_key_gradients(args, part, &s, first, keys);
    }
}
