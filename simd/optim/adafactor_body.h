/* The passes of Adafactor over rows of a matrix, of one tier; part of optim_body.h. */

/* Adds the squares of a row to those of its columns and returns their sum, in the fixed order. */
static double adafactor_squares(const float *g, int64_t columns, double *of_columns) {
    fixed_tree tree;
    tree.chunks = tree.levels = 0;
    for (int64_t start = 0; start < columns; start += SUM_CHUNK) {
        int64_t count = setun_min_i64(SUM_CHUNK, columns - start), i = 0;
        const float *x = g + start;
        double *sums = of_columns + start;
        vd lane[SUM_WIDE_VECS] = {0};
        double wide[SUM_LANES];
        for (; i + SUM_LANES <= count; i += SUM_LANES) {
#pragma GCC unroll 8
            for (int v = 0; v < SUM_WIDE_VECS; v++) {
                vd value = vd_load(x + i + v * VD_LANES), sum;
                memcpy(&sum, sums + i + v * VD_LANES, sizeof sum);
                lane[v] = vd_square_add(value, lane[v]);
                sum = vd_square_add(value, sum);
                memcpy(sums + i + v * VD_LANES, &sum, sizeof sum);
            }
        }
        if (i < count) {
            float group[SUM_LANES];
            fixed_pad(x + i, count - i, group);
            fixed_add_squares(group, lane);
            for (int64_t j = i; j < count; j++) {
                sums[j] += (double)x[j] * x[j];
            }
        }
        memcpy(wide, lane, sizeof wide);
        fixed_tree_add(&tree, fixed_fold(wide));
    }
    return fixed_tree_sum(&tree);
}

/* ((g * factor) * row) * column */
VF_INLINE vf adafactor_step(const float *g, const float *of_columns, vf factor, vf row, int64_t lanes) {
    return ((vf_get(g, lanes) * factor) * row) * vf_get(of_columns, lanes);
}

/* The sum of the squares of a row of steps. */
static double adafactor_norm(const float *g, int64_t columns, float factor, float row, const float *of_columns) {
    vf scale = vf_set1(factor), of_row = vf_set1(row);
    float steps[SUM_CHUNK];
    fixed_tree tree;
    tree.chunks = tree.levels = 0;
    for (int64_t start = 0; start < columns; start += SUM_CHUNK) {
        int64_t count = setun_min_i64(SUM_CHUNK, columns - start);
        VF_FOR(i, lanes, count) {
            vf_put(steps + i, lanes, adafactor_step(g + start + i, of_columns + start + i, scale, of_row, lanes));
        }
        fixed_tree_add(&tree, fixed_chunk_squares(steps, count));
    }
    return fixed_tree_sum(&tree);
}

/* A row of weights less its steps. */
static void adafactor_update(const setun_adafactor_args *args, int64_t row_index, float factor, float row, const float *of_columns,
                             float clip) {
    vf scale = vf_set1(factor), of_row = vf_set1(row), clipped = vf_set1(clip), lr = vf_set1(args->lr);
    vf decay = vf_set1(args->weight_decay);
    float *w = args->w + row_index * args->columns;
    const float *g = args->g + row_index * args->columns;
    VF_EACH(i, lanes, args->columns, {
        vf value = vf_get(w + i, lanes);
        vf step = adafactor_step(g + i, of_columns + i, scale, of_row, lanes);
        vf_put(w + i, lanes, value - lr * (clipped * step + decay * value));
    });
}
