/* Packing for attention in bf16, and the product of a block. */

#define BF16_LOG2E 0x1.715476p+0f
#define BF16_LN2 0x1.62e43p-1f

/* Rows of a register block that divide all blocks of attention, and what the depth of a product is rounded up to. */
#if defined(BF_TILES)
enum { BF16_ROWS = BF_ROWS, BF16_STEP = BF_DEPTH };
#elif BF_PAIRS
enum { BF16_ROWS = 8, BF16_STEP = 2 };
#else
enum { BF16_ROWS = BF_ROWS, BF16_STEP = 1 };
#endif

/* Values from one panel to the next: of a depth that packing has padded. */
VF_INLINE int64_t bf16_panel(int64_t depth) { return setun_round_up(depth, BF_DEPTH) * BF_COLS; }

/* c[BF16_ROWS][BF_COLS] = or += a b, over a depth that is rounded up: what lies there is 0 in one operand and finite in the other, or 0. */
VF_INLINE void bf16_product(int64_t depth, const bf_value *a, int64_t lda, const bf_value *panel, float *c, int64_t ldc, bool add) {
    vf acc[BF16_ROWS][BF_VECS];
#if BF_PAIRS && !defined(BF_TILES)
    bf_product_rows(BF16_ROWS, setun_round_up(depth, BF16_STEP), a, lda, panel, acc);
#else
    bf_product(setun_round_up(depth, BF16_STEP), a, lda, panel, acc);
#endif
#pragma GCC unroll 32
    for (int r = 0; r < BF16_ROWS; r++, c += ldc) {
        vf_store(c, add ? vf_load(c) + acc[r][0] : acc[r][0]);
        vf_store(c + VF_LANES, add ? vf_load(c + VF_LANES) + acc[r][1] : acc[r][1]);
    }
}

/* Two vectors of a row (columns j, j + VF_LANES) into packed rows. */
VF_INLINE void bf16_put_row(bf_value *to, vf first, vf second) {
#if BF_PAIRS
    _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(second, first));
#else
    vf_store(to, vf_round_bf16(first));
    vf_store(to + VF_LANES, vf_round_bf16(second));
#endif
}

/* Vector `half` (0 or 1) of rows 2i and 2i + 1 of a panel; panel points at row 2i. */
VF_INLINE void bf16_put_pair(bf_value *panel, int64_t half, vf low, vf high) {
#if BF_PAIRS
    _mm512_storeu_si512(panel + half * 2 * VF_LANES, bf_interleave(low, high));
#else
    vf_store(panel + half * VF_LANES, vf_round_bf16(low));
    vf_store(panel + BF_COLS + half * VF_LANES, vf_round_bf16(high));
#endif
}

/* Offset of a key, value or gradient row in args->k and what is laid out like it. */
static int64_t bf16_key_at(const setun_attention_args *args, int64_t batch, int64_t kv_head, int64_t key) {
    int64_t stride = args->kv_batch_stride != 0 ? args->kv_batch_stride : args->s * args->ldkv;
    return batch * stride + key * args->ldkv + kv_head * args->head_dim;
}

static void bf16_pack_keys(const setun_attention_args *args, int64_t batch, int64_t kv_head, int64_t first_key, float *to) {
    int64_t d = args->head_dim, keys = setun_min_i64(BF16_FORWARD_KEYS, args->s - first_key);
    int64_t at = bf16_key_at(args, batch, kv_head, first_key);
    bf_source k = {.data = args->k + at, .ld = args->ldkv}, v = {.data = args->v + at, .ld = args->ldkv};
    bf_value *packed = (void *)to;
    bf_pack_panels(BF_F32, 1, &k, keys, d, packed);
    bf_pack_panels(BF_F32, 0, &v, d, keys, packed + BF16_FORWARD_KEYS * attention_width(d));
}

/* q of some rows of one head, with the factor that makes products scores. factors: [width]. */
static bf_source bf16_queries(const setun_attention_args *args, int64_t batch, int64_t head, int64_t query, float *factors) {
    for (int64_t c = 0; c < args->head_dim; c++) {
        factors[c] = args->scale * BF16_LOG2E;
    }
    const float *q = args->q + (batch * args->t + query) * args->ldq + head * args->head_dim;
    return (bf_source){.data = q, .ld = args->ldq, .step = factors};
}

static void bf16_pack_queries(const setun_attention_args *args, int64_t batch, int64_t head, int64_t first_query, float *to,
                              float *factors) {
    enum { BLOCK = BF16_BACKWARD_QUERIES };
    int64_t d = args->head_dim, width = attention_width(d), rows = setun_min_i64(BLOCK, args->t - first_query);
    int64_t ld = args->heads * d, at = ((batch * args->t + first_query) * args->heads + head) * d;
    bf_source q = bf16_queries(args, batch, head, first_query, factors), dout = {.data = args->dout + at, .ld = ld};
    bf_value *packed = (void *)to;
    bf_pack_rows(BF_F32, 1, &q, rows, d, packed, width, BLOCK);
    bf_pack_rows(BF_F32, 1, &dout, rows, d, packed + BLOCK * width, width, BLOCK);
    q.step = NULL; /* here it would run along the queries */
    bf_pack_rows(BF_F32, 0, &q, d, rows, packed + 2 * BLOCK * width, BLOCK, width);
    bf_pack_rows(BF_F32, 0, &dout, d, rows, packed + 3 * BLOCK * width, BLOCK, width);
    float *lse = (void *)(packed + 4 * BLOCK * width), *delta = lse + BLOCK;
    for (int64_t r = 0; r < rows; r++) {
        lse[r] = args->lse[(batch * args->heads + head) * args->t + first_query + r] * BF16_LOG2E;
        delta[r] = vf_dot(args->dout + at + r * ld, args->out + at + r * ld, d);
    }
}
