/* Attention forward in bf16: the running softmax of attention_forward_body.h over packed blocks. */

/* Keys of the block from first_key that query i may see: <= 0 if none. */
VF_INLINE int64_t bf16_visible(const setun_attention_args *args, int64_t query, int64_t first_key, int64_t keys) {
    return setun_min_i64(keys, query + args->s - args->t + 1 - first_key);
}

/* The same for the last query of a register block: the depth of its product with the keys. */
VF_INLINE int64_t bf16_depth(const setun_attention_args *args, int64_t query, int64_t rows, int64_t i, int64_t first_key, int64_t keys) {
    return setun_max_i64(0, bf16_visible(args, query + setun_min_i64(i + BF16_ROWS, rows) - 1, first_key, keys));
}

/* scores[rows][ld] = a b of a block: a [rows][width], b panels over head_dim. Panels of keys that no query of a register block sees are
 * left out. */
static void bf16_scores(const setun_attention_args *args, int64_t query, int64_t rows, int64_t first_key, int64_t keys, const bf_value *a,
                        const bf_value *b, int64_t ld, float *scores) {
    int64_t d = args->head_dim, width = attention_width(d);
    for (int64_t j = 0; j < keys; j += BF_COLS, b += bf16_panel(d)) {
        int64_t unseen = setun_max_i64(0, first_key + j - (query + args->s - args->t)); /* queries before the first to see key j */
        for (int64_t i = unseen / BF16_ROWS * BF16_ROWS; i < rows; i += BF16_ROWS) {
            bf16_product(d, a + i * width, width, b, scores + i * ld + j, ld, false);
        }
    }
}

typedef struct bf16_state {
    float *highest, *shift, *sum, *decay; /* of each query: running maximum and sum; the new maximum and 2^(old - new) */
} bf16_state;

static float bf16_highest(const float *x, int64_t count) {
    vf best = vf_set1(-INFINITY);
    int64_t i = 0;
    for (; i + VF_LANES <= count; i += VF_LANES) {
        best = vf_max(vf_load(x + i), best);
    }
    if (i < count) {
        best = vf_max(vf_select(vi_first(count - i), vf_load(x + i), best), best);
    }
    return vf_highest(best);
}

/* p[keys] = 2^(score - shift) in bf16 for the visible keys, 0 for others; returns their sum. Whole vectors of scores are read and
 * whole steps of p written. */
VF_INLINE float bf16_weights(const float *scores, int64_t visible, int64_t keys, float shift, bf_value *p) {
    vf low = vf_set1(shift), s0 = vf_set1(0), s1 = s0;
    int64_t j = 0;
    for (; j + BF_COLS <= visible; j += BF_COLS) {
        vf a = vf_exp2_near(vf_load(scores + j) - low), b = vf_exp2_near(vf_load(scores + j + VF_LANES) - low);
        s0 += a;
        s1 += b;
        bf16_put_row(p + j, a, b);
    }
    if (j < visible) {
        vf a = vf_exp2_near(vf_load(scores + j) - low), b = vf_exp2_near(vf_load(scores + j + VF_LANES) - low);
        a = vf_select(vi_first(visible - j), a, vf_set1(0));
        b = vf_select(vi_first(visible - j - VF_LANES), b, vf_set1(0));
        s0 += a;
        s1 += b;
        bf16_put_row(p + j, a, b);
        j += BF_COLS;
    }
    for (; j < keys; j += BF_COLS) {
        bf16_put_row(p + j, vf_set1(0), vf_set1(0));
    }
    return vf_sum(s0 + s1);
}

/* Scores become weights p [rows][BF16_FORWARD_KEYS]; out [rows][width] is brought to the new maximum. */
static void bf16_softmax(const setun_attention_args *args, int64_t query, int64_t rows, int64_t first_key, int64_t keys, bf16_state state,
                         const float *scores, bf_value *p, float *out, int64_t width) {
    enum { LD = BF16_FORWARD_KEYS };
    for (int64_t r = 0; r < rows; r++) {
        int64_t visible = bf16_visible(args, query + r, first_key, keys);
        float high = visible > 0 ? bf16_highest(scores + r * LD, visible) : -INFINITY;
        state.shift[r] = high > state.highest[r] ? high : state.highest[r];
    }
    VF_FOR(r, lanes, rows) {
        vf_put(state.decay + r, lanes, vf_exp2_near(vf_get(state.highest + r, lanes) - vf_get(state.shift + r, lanes)));
    }
    for (int64_t r = 0; r < rows; r++) {
        int64_t visible = setun_max_i64(0, bf16_visible(args, query + r, first_key, keys));
        float sum = bf16_weights(scores + r * LD, visible, keys, state.shift[r], p + r * LD);
        if (first_key == 0) {
            state.sum[r] = sum;
        } else if (state.highest[r] == state.shift[r]) {
            state.sum[r] += sum;
        } else {
            state.sum[r] = state.sum[r] * state.decay[r] + sum;
            vf decay = vf_set1(state.decay[r]);
            for (int64_t c = 0; c < width; c += VF_LANES) {
                vf_store(out + r * width + c, vf_load(out + r * width + c) * decay);
            }
        }
        state.highest[r] = state.shift[r];
    }
}

static void bf16_finish_outputs(const setun_attention_args *args, int64_t batch, int64_t head, int64_t query, int64_t rows,
                                bf16_state state, const float *out, int64_t width) {
    int64_t d = args->head_dim;
    for (int64_t r = 0; r < rows; r++) {
        float *to = args->out + ((batch * args->t + query + r) * args->heads + head) * d;
        vf scale = vf_set1(1.0f / state.sum[r]);
        VF_FOR(c, lanes, d) {
            vf_put(to + c, lanes, vf_load(out + r * width + c) * scale);
        }
        if (args->lse != NULL) {
            args->lse[(batch * args->heads + head) * args->t + query + r] = state.highest[r] * BF16_LN2 + logf(state.sum[r]);
        }
    }
}

static void bf16_forward(const setun_attention_args *args, int64_t batch, int64_t head, int64_t query, const float *packed,
                         float *scratch) {
    enum { KEYS = BF16_FORWARD_KEYS, QUERIES = BF16_FORWARD_QUERIES };
    int64_t d = args->head_dim, width = attention_width(d);
    float *out = scratch, *scores = out + QUERIES * width, *state_at = scores + QUERIES * KEYS, *factors = state_at + 4 * QUERIES;
    bf16_state state = {state_at, state_at + QUERIES, state_at + 2 * QUERIES, state_at + 3 * QUERIES};
    bf_value *p = (void *)(factors + width), *q = p + QUERIES * KEYS;
    const bf_value *block = (const void *)packed;
    int64_t rows = setun_min_i64(QUERIES, args->t - query), last_key = query + rows + args->s - args->t;
    bf_source source = bf16_queries(args, batch, head, query, factors);
    bf_pack_rows(BF_F32, 1, &source, rows, d, q, width, setun_round_up(rows, BF16_ROWS));
    for (int64_t r = 0; r < rows; r++) {
        state.highest[r] = -INFINITY;
    }
    bf_tiles_begin();
    for (int64_t first = 0; first < last_key; first += KEYS, block += 2 * KEYS * width) {
        int64_t keys = setun_min_i64(KEYS, last_key - first), block_keys = setun_min_i64(KEYS, args->s - first);
        bf16_scores(args, query, rows, first, keys, q, block, KEYS, scores);
        bf16_softmax(args, query, rows, first, keys, state, scores, p, out, width);
        const bf_value *v = block + KEYS * width;
        for (int64_t c = 0; c < d; c += BF_COLS, v += bf16_panel(block_keys)) {
            for (int64_t i = 0; i < rows; i += BF16_ROWS) {
                bf16_product(bf16_depth(args, query, rows, i, first, keys), p + i * KEYS, KEYS, v, out + i * width + c, width, first > 0);
            }
        }
    }
    bf_tiles_end();
    bf16_finish_outputs(args, batch, head, query, rows, state, out, width);
}
