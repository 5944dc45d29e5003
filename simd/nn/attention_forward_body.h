/* Attention forward: blocks of queries meet blocks of keys; the softmax is kept running per query (Milakov & Gimelshein, arXiv
 * 1805.02867; Dao et al., arXiv 2205.14135). */

typedef struct softmax_state {
    float *highest, *shift, *sum, *decay; /* of each query: running maximum and sum; the new maximum and e^(old - new) */
} softmax_state;

static const float *key_row(const setun_attention_args *args, const float *base, int64_t batch, int64_t head, int64_t key) {
    int64_t stride = args->kv_batch_stride != 0 ? args->kv_batch_stride : args->s * args->ldkv;
    return base + batch * stride + key * args->ldkv + head / (args->heads / args->kv_heads) * args->head_dim;
}

/* Keys of the block from first_key that query i may see: <= 0 if none. */
VF_INLINE int64_t visible_keys(const setun_attention_args *args, int64_t query, int64_t first_key, int64_t keys) {
    return setun_min_i64(keys, query + args->s - args->t + 1 - first_key);
}

/* scores[64] of one query = q . k of each key, keys in place, four at a time. */
static void score_row(const float *q, const float *k, int64_t ldk, int64_t keys, int64_t d, float *scores) {
    int64_t j = 0;
    for (; j + 4 <= keys; j += 4, k += 4 * ldk) {
        vf s0 = vf_set1(0), s1 = s0, s2 = s0, s3 = s0;
        VF_FOR(c, lanes, d) {
            vf x = vf_load(q + c); /* padded with zeros */
            s0 = vf_fma(x, vf_get(k + c, lanes), s0);
            s1 = vf_fma(x, vf_get(k + ldk + c, lanes), s1);
            s2 = vf_fma(x, vf_get(k + 2 * ldk + c, lanes), s2);
            s3 = vf_fma(x, vf_get(k + 3 * ldk + c, lanes), s3);
        }
        float fold[16];
        vf4_store(fold, vf_fold_sum(s0));
        vf4_store(fold + 4, vf_fold_sum(s1));
        vf4_store(fold + 8, vf_fold_sum(s2));
        vf4_store(fold + 12, vf_fold_sum(s3));
        float turned[16];
        transpose4(fold, 4, turned, 4);
        vf4_store(scores + j, (vf4_load(turned) + vf4_load(turned + 8)) + (vf4_load(turned + 4) + vf4_load(turned + 12)));
    }
    for (; j < keys; j++, k += ldk) {
        scores[j] = vf_dot(q, k, d);
    }
}

/* out += sum of p[j] * v[j], values in place; out is padded. */
static void add_values(const float *p, const float *v, int64_t ldv, int64_t keys, int64_t d, float *out) {
    int64_t c = 0;
    for (; c + 4 * VF_LANES <= d; c += 4 * VF_LANES) {
        vf s0 = vf_load(out + c), s1 = vf_load(out + c + VF_LANES);
        vf s2 = vf_load(out + c + 2 * VF_LANES), s3 = vf_load(out + c + 3 * VF_LANES);
        const float *row = v + c;
        for (int64_t j = 0; j < keys; j++, row += ldv) {
            vf weight = vf_set1(p[j]);
            s0 = vf_fma(weight, vf_load(row), s0);
            s1 = vf_fma(weight, vf_load(row + VF_LANES), s1);
            s2 = vf_fma(weight, vf_load(row + 2 * VF_LANES), s2);
            s3 = vf_fma(weight, vf_load(row + 3 * VF_LANES), s3);
        }
        vf_store(out + c, s0);
        vf_store(out + c + VF_LANES, s1);
        vf_store(out + c + 2 * VF_LANES, s2);
        vf_store(out + c + 3 * VF_LANES, s3);
    }
    VF_FOR(e, lanes, d - c) {
        vf sum = vf_load(out + c + e);
        for (int64_t j = 0; j < keys; j++) {
            sum = vf_fma(vf_set1(p[j]), vf_get(v + j * ldv + c + e, lanes), sum);
        }
        vf_store(out + c + e, sum);
    }
}

/* scores[rows][lds] = q k^T of a block, k transposed: [head_dim][lds]. Keys that no query of a register block sees are left out. */
VF_INLINE void block_scores(const setun_attention_args *args, int64_t query, int64_t rows, int64_t first_key, int64_t keys,
                            const float *q, const float *kt, int64_t lds, float *scores) {
    int64_t width = attention_width(args->head_dim);
    for (int64_t i = 0; i < rows; i += MICRO_ROWS) {
        int64_t visible = visible_keys(args, query + setun_min_i64(i + MICRO_ROWS, rows) - 1, first_key, keys);
        int64_t columns = visible <= 0 ? 0 : setun_round_up(visible, MICRO_COLS);
        micro_block(MICRO_ROWS, columns, args->head_dim, q + i * width, width, 1, kt, lds, scores + i * lds, lds, 0);
    }
}

/* out[rows][width] = (or +=) p v of a block, with the same keys left out. */
VF_INLINE void block_values(const setun_attention_args *args, int64_t query, int64_t rows, int64_t first_key, int64_t keys,
                            const float *p, int64_t ldp, const float *v, float *out, int add) {
    int64_t width = attention_width(args->head_dim);
    for (int64_t i = 0; i < rows; i += MICRO_ROWS) {
        int64_t visible = visible_keys(args, query + setun_min_i64(i + MICRO_ROWS, rows) - 1, first_key, keys);
        micro_block(MICRO_ROWS, width, visible, p + i * ldp, ldp, 1, v, width, out + i * width, width, add);
    }
}

/* Turns the block's scores [rows][FORWARD_KEYS] into e^(score - maximum), 0 for keys that a query must not see, and brings
 * out [rows][width] to the new maximum. */
static void block_softmax(const setun_attention_args *args, int64_t query, int64_t rows, int64_t first_key, int64_t keys,
                          softmax_state state, float *p, float *out, int64_t width) {
    for (int64_t r = 0; r < rows; r++) {
        int64_t visible = visible_keys(args, query + r, first_key, keys);
        float high = visible > 0 ? highest(p + r * FORWARD_KEYS, visible) : -INFINITY;
        state.shift[r] = high > state.highest[r] ? high : state.highest[r];
    }
    VF_FOR(r, lanes, rows) {
        vf_put(state.decay + r, lanes, vf_exp(vf_get(state.highest + r, lanes) - vf_get(state.shift + r, lanes)));
    }
    for (int64_t r = 0; r < rows; r++) {
        int64_t visible = setun_max_i64(0, visible_keys(args, query + r, first_key, keys));
        float *row = p + r * FORWARD_KEYS;
        float sum = sum_exp(row, visible, state.shift[r], row, NULL);
        memset(row + visible, 0, (size_t)(keys - visible) * sizeof(float));
        if (first_key == 0) {
            state.sum[r] = sum;
        } else {
            state.sum[r] = state.sum[r] * state.decay[r] + sum;
            vf decay = vf_set1(state.decay[r]);
            for (int64_t c = 0; state.decay[r] != 1.0f && c < width; c += VF_LANES) {
                vf_store(out + r * width + c, vf_load(out + r * width + c) * decay);
            }
        }
        state.highest[r] = state.shift[r];
    }
}

static void finish_rows(const setun_attention_args *args, int64_t batch, int64_t head, int64_t query, int64_t rows,
                        softmax_state state, const float *out, int64_t width) {
    int64_t d = args->head_dim;
    for (int64_t r = 0; r < rows; r++) {
        float *to = args->out + ((batch * args->t + query + r) * args->heads + head) * d;
        vf scale = vf_set1(1.0f / state.sum[r]);
        VF_FOR(c, lanes, d) {
            vf_put(to + c, lanes, vf_load(out + r * width + c) * scale);
        }
        if (args->lse != NULL) {
            args->lse[(batch * args->heads + head) * args->t + query + r] = state.highest[r] + logf(state.sum[r]);
        }
    }
}

/* to[rows][width] = scale * rows of q (of one head), padded with zeros to whole register blocks. */
static void pack_queries(const setun_attention_args *args, int64_t batch, int64_t head, int64_t query, int64_t rows, float *to,
                         int64_t width) {
    const float *q = args->q + (batch * args->t + query) * args->ldq + head * args->head_dim;
    copy_pad(q, args->ldq, rows, args->head_dim, to, width, setun_round_up(rows, MICRO_ROWS), width);
    vf scale = vf_set1(args->scale);
    for (int64_t i = 0; i < rows * width; i += VF_LANES) {
        vf_store(to + i, vf_load(to + i) * scale);
    }
}

static void attention_forward(const setun_attention_args *args, int64_t batch, int64_t head, int64_t query, float *scratch) {
    int64_t d = args->head_dim, width = attention_width(d);
    float *q = scratch, *out = q + FORWARD_QUERIES * width, *kt = out + FORWARD_QUERIES * width;
    float *v = kt + FORWARD_KEYS * width, *p = v + FORWARD_KEYS * width;
    float *rows_at = p + FORWARD_QUERIES * FORWARD_KEYS;
    softmax_state state = {rows_at, rows_at + FORWARD_QUERIES, rows_at + 2 * FORWARD_QUERIES, rows_at + 3 * FORWARD_QUERIES};
    int64_t rows = setun_min_i64(FORWARD_QUERIES, args->t - query), padded = setun_round_up(rows, MICRO_ROWS);
    int64_t last_key = query + rows + args->s - args->t;
    bool few = args->t < FEW_QUERIES;
    pack_queries(args, batch, head, query, rows, q, width);
    for (int64_t r = 0; r < rows; r++) {
        state.highest[r] = -INFINITY;
    }
    memset(out, 0, (size_t)(padded * width) * sizeof(float));
    for (int64_t first = 0; first < last_key; first += FORWARD_KEYS) {
        int64_t keys = setun_min_i64(FORWARD_KEYS, last_key - first);
        const float *k_rows = key_row(args, args->k, batch, head, first), *v_rows = key_row(args, args->v, batch, head, first);
        if (few) {
            for (int64_t r = 0; r < rows; r++) {
                score_row(q + r * width, k_rows, args->ldkv, keys, d, p + r * FORWARD_KEYS);
            }
        } else {
            transpose_pad(k_rows, args->ldkv, keys, d, kt, FORWARD_KEYS, setun_round_up(keys, MICRO_COLS));
            copy_pad(v_rows, args->ldkv, keys, d, v, width, keys, width);
            block_scores(args, query, rows, first, keys, q, kt, FORWARD_KEYS, p);
        }
        block_softmax(args, query, rows, first, keys, state, p, out, width);
        for (int64_t r = 0; few && r < rows; r++) {
            add_values(p + r * FORWARD_KEYS, v_rows, args->ldkv, setun_max_i64(0, visible_keys(args, query + r, first, keys)), d,
                       out + r * width);
        }
        if (!few) {
            block_values(args, query, rows, first, keys, p, FORWARD_KEYS, v, out, 1);
        }
    }
    finish_rows(args, batch, head, query, rows, state, out, width);
}
