/* Kernels that treat each value alone. */

static void glu_forward(const setun_glu_args *args, int64_t first, int64_t last) {
    VF_FOR(j, lanes, last - first) {
        int64_t i = first + j;
        vf_put(args->y + i, lanes, glu_of(args->kind, vf_get(args->gate + i, lanes), vf_get(args->up + i, lanes)));
    }
}

static void glu_backward(const setun_glu_args *args, int64_t first, int64_t last) {
    vf one = vf_set1(1.0f);
    VF_FOR(j, lanes, last - first) {
        int64_t i = first + j;
        vf gate = vf_get(args->gate + i, lanes), up = vf_get(args->up + i, lanes), dy = vf_get(args->dy + i, lanes);
        vf value, slope;
        if (args->kind == SETUN_GLU_SILU) {
            silu s = silu_of(gate);
            value = gate * s.sigmoid;
            slope = s.sigmoid * vf_fma(gate, s.rest, one);
        } else {
            vf positive = vf_max(vf_set1(0), gate);
            value = positive * positive;
            slope = positive + positive;
        }
        vf_put(args->dup + i, lanes, dy * value);
        vf_put(args->dgate + i, lanes, dy * up * slope);
    }
}

/* x <= 0 becomes +0, NaN stays. */
static void relu_forward(const float *x, int64_t count, float *y) {
    VF_FOR(i, lanes, count) {
        vf value = vf_get(x + i, lanes);
        vf_put(y + i, lanes, vf_select(value <= vf_set1(0), vf_set1(0), value));
    }
}

static void relu_backward(const float *x, const float *dy, int64_t count, float *dx) {
    VF_FOR(i, lanes, count) {
        vf_put(dx + i, lanes, vf_select(vf_get(x + i, lanes) > vf_set1(0), vf_get(dy + i, lanes), vf_set1(0)));
    }
}

static void axpby(float a, const float *x, float b, float *y, int64_t count) {
    vf va = vf_set1(a), vb = vf_set1(b);
    VF_FOR(i, lanes, count) {
        vf sum = va * vf_get(x + i, lanes);
        vf_put(y + i, lanes, b == 0.0f ? sum : sum + vb * vf_get(y + i, lanes));
    }
}

static void add_rows(const float *x, int64_t ldx, int64_t rows, int64_t d, float *sums) {
    VF_FOR(j, lanes, d) {
        vf sum = vf_get(sums + j, lanes);
        for (int64_t i = 0; i < rows; i++) {
            sum += vf_get(x + i * ldx + j, lanes);
        }
        vf_put(sums + j, lanes, sum);
    }
}
