/* Fake quantization of one tier; included once per tier with FAKEQUANT_KERNELS as the name of its table. A chunk goes by in pieces that stay in the
 * first-level cache while its sums are made: memory is passed once. */
#include <math.h>

#include "simd/common/check.h"
#include "simd/fakequant/smooth_body.h"

/* Values of a piece: a multiple of SUM_LANES. */
enum { PIECE = 256 };

/* What the values of a group have in common. */
typedef struct rule {
    vf low, high, shift, divisions, unit, scale, inverse, offset, limit, step;
    uint32_t fraction_key, noise_key;
} rule;

/* A vector of values as codes. */
typedef struct coded {
    vf v, z, u, code, level;
    vi inside; /* M, where the estimator is not smooth */
} coded;

static rule rule_of(const setun_fakequant_args *args, int64_t group) {
    float scale = args->scale[group];
    scale = scale < args->least ? args->least : scale;
    return (rule){.low = vf_set1((float)args->lowest),
                  .high = vf_set1((float)args->highest),
                  .shift = vf_set1(args->shift),
                  .divisions = vf_set1(args->divisions),
                  .unit = vf_set1(1.0f / args->divisions),
                  .scale = vf_set1(scale),
                  .inverse = vf_set1(1.0f / scale),
                  .offset = vf_set1(args->offset == NULL ? 0.0f : args->offset[group]),
                  .limit = vf_set1(args->limit),
                  .step = vf_set1((scale * (1.0f / args->divisions)) * args->noise),
                  .fraction_key = fakequant_key(args->seed, group, STREAM_FRACTION),
                  .noise_key = fakequant_key(args->seed, group, STREAM_NOISE)};
}

VF_INLINE vi inside_of(const setun_fakequant_args *args, const rule *r, const coded *c) {
    switch (args->estimator) {
    case SETUN_ESTIMATOR_IDENTITY:
        return c->v == c->v;
    case SETUN_ESTIMATOR_CLIPPED_VALUE:
        return vf_abs(c->v - r->offset) <= r->limit;
    case SETUN_ESTIMATOR_LSQ:
    case SETUN_ESTIMATOR_PACT:
        return args->limit > 0 ? (vi)(vf_abs(c->z) <= r->limit) : (vi)((c->u > r->low) & (c->u < r->high));
    default:
        return args->limit > 0 ? (vi)(vf_abs(c->z) <= r->limit) : (vi)((c->u >= r->low) & (c->u <= r->high));
    }
}

VF_INLINE vf level_of(const rule *r, vf code) { return (code + r->shift) * r->unit; }

VF_INLINE coded code_of(const setun_fakequant_args *args, const rule *r, vf v) {
    coded c;
    c.v = v;
    c.z = (v - r->offset) * r->inverse;
    c.u = c.z * r->divisions - r->shift;
    c.code = vf_round(vf_min(r->high, vf_max(r->low, c.u))) + vf_set1(0); /* -0 becomes 0; the second operand is kept if it is NaN */
    c.level = level_of(r, c.code);
    c.inside = inside_of(args, r, &c);
    return c;
}

VF_INLINE int is_smooth(const setun_fakequant_args *args) { return args->estimator >= SETUN_ESTIMATOR_STAIRCASE; }

/* A random choice also replaces *code. */
VF_INLINE smooth smooth_of(const setun_fakequant_args *args, int64_t group, int64_t first, vf u, vf *code) {
    switch (args->estimator) {
    case SETUN_ESTIMATOR_STAIRCASE:
        return staircase_of(args, u);
    case SETUN_ESTIMATOR_DSQ:
        return dsq_of(args, u);
    default:
        return gumbel_of(args, group, first, u, code);
    }
}

/* Whether the block that value `first` of the group lies in is quantized. */
VF_INLINE int is_quantized(const setun_fakequant_args *args, const rule *r, int64_t first) {
    return args->fraction >= 1.0f ||
           fakequant_uniform(fakequant_hash(r->fraction_key ^ fakequant_hash((uint32_t)(first / args->block)))) < args->fraction;
}

/* The nearest code as an integer; that of a NaN is the one nearest to 0. */
VF_INLINE void put_codes(int8_t *code, int64_t n, const rule *r, vf value) {
    vf zero = vf_min(r->high, vf_max(r->low, vf_set1(0)));
    vi whole = vi_from_integral(vf_select(value == value, value, zero));
    int32_t lane[VF_LANES];
    memcpy(lane, &whole, sizeof lane);
    for (int64_t j = 0; j < n; j++) {
        code[j] = (int8_t)lane[j];
    }
}

/* Absent values of the last group of lanes count as 0. */
VF_INLINE void pad(float piece[PIECE], int64_t count) {
    memset(piece + count, 0, (size_t)((SUM_LANES - count % SUM_LANES) % SUM_LANES) * sizeof(float));
}

static void forward(const setun_fakequant_args *args, int64_t group, int64_t first, int64_t count, double *sums) {
    const rule r = rule_of(args, group);
    _Alignas(64) float latents[PIECE], values[PIECE], errors[PIECE];
    fixed_lanes squares = {0}, noise = {0}, products = {0};
    vf mix = vf_set1(args->mix), largest = vf_set1(0), nan = vf_set1(0);
    for (int64_t at = 0; at < count; at += PIECE) {
        int64_t n = setun_min_i64(PIECE, count - at), place = group * args->group + first + at;
        VF_FOR(i, lanes, n) {
            vf latent = vf_get(args->v + place + i, lanes);
            coded c = code_of(args, &r, latent);
            vf level = c.level, code = c.code;
            if (is_smooth(args)) {
                smooth s = smooth_of(args, group, first + at + i, c.u, &code);
                level = level_of(&r, args->hard ? code : s.value);
            }
            vf value = level * r.scale + r.offset;
            if (!is_quantized(args, &r, first + at + i)) {
                value = latent;
            } else if (args->mix != 1.0f) {
                value = latent + mix * (value - latent);
            }
            if (args->noise > 0) {
                value = value + r.step * (uniform_of(r.noise_key, first + at + i) - vf_set1(0.5f));
            }
            vf_store(latents + i, latent);
            vf_store(values + i, value);
            vf_store(errors + i, value - latent);
            if (args->code != NULL) {
                put_codes(args->code + place + i, lanes, &r, code);
            }
        }
        if (args->value != NULL) {
            memcpy(args->value + place, values, (size_t)n * sizeof(float));
        }
        if (sums == NULL) {
            continue;
        }
        pad(latents, n);
        pad(values, n);
        pad(errors, n);
        for (int64_t i = 0; i < n; i += SUM_LANES) {
            fixed_add_squares(latents + i, squares.lane);
            fixed_add_squares(errors + i, noise.lane);
            fixed_add_products(latents + i, values + i, products.lane);
            for (int v = 0; v < SUM_VECS; v++) {
                vf error = vf_load(errors + i + v * VF_LANES);
                largest = vf_max(largest, vf_abs(error));
                nan = nan + (error - error); /* of an infinity, too */
            }
        }
    }
    if (sums != NULL) {
        sums[0] = fixed_lanes_sum(&squares);
        sums[1] = fixed_lanes_sum(&noise);
        sums[2] = fixed_lanes_sum(&products);
        sums[3] = 0;
        for (int j = 0; j < VF_LANES; j++) {
            sums[3] = nan[j] != 0 || sums[3] != sums[3] ? (double)NAN : largest[j] > (float)sums[3] ? (double)largest[j] : sums[3];
        }
    }
}

/* D of an estimator that is not smooth; g is the gradient it applies to. */
VF_INLINE vf gradient_of(const setun_fakequant_args *args, const rule *r, const coded *c, vf g) {
    vf zero = vf_set1(0), error = (c->z - c->level) * r->divisions;
    switch (args->estimator) {
    case SETUN_ESTIMATOR_EWGS:
        return vf_select(c->inside, g + (vf_set1(args->p0) * vf_abs(g)) * error, zero);
    case SETUN_ESTIMATOR_EWGS_ABSOLUTE:
        return g + (vf_set1(args->p0) * g) * vf_abs(error);
    case SETUN_ESTIMATOR_RESTE: {
        float power = 1.0f / args->p0 - 1.0f;
        vf size = vf_abs(c->z), least = vf_set1(args->p1);
        vf chord = power_fixed(least, power);
        vf tangent = power_fixed(vf_select(size > least, size, least), power) * vf_set1(1.0f / args->p0);
        return vf_select(c->inside, g * vf_select(size > least, tangent, chord), zero);
    }
    case SETUN_ESTIMATOR_LEVEL_FACTORS: {
        float factor[VF_LANES];
        for (int j = 0; j < VF_LANES; j++) {
            factor[j] = c->inside[j] ? args->factors[(int32_t)c->code[j] - args->lowest] : 0.0f;
        }
        vf factors;
        memcpy(&factors, factor, sizeof factors);
        return vf_select(c->inside, g * factors, zero);
    }
    default:
        return vf_select(c->inside, g, zero);
    }
}

/* The gradient of the value, the scale's term and the offset's term of a vector. */
typedef struct gradients {
    vf value, scale, offset;
} gradients;

VF_INLINE gradients gradients_of(const setun_fakequant_args *args, const rule *r, int64_t group, int64_t first, vf v, vf g) {
    vf zero = vf_set1(0);
    coded c = code_of(args, r, v);
    if (is_smooth(args)) {
        smooth s = smooth_of(args, group, first, c.u, &c.code);
        vf level = level_of(r, args->hard ? c.code : s.value);
        return (gradients){g * s.slope, g * (level - c.z * s.slope), g - g * s.slope};
    }
    gradients out;
    out.value = gradient_of(args, r, &c, g);
    vf term = args->estimator == SETUN_ESTIMATOR_PACT ? vf_select(c.inside, zero, c.level) : vf_select(c.inside, c.level - c.z, c.level);
    out.scale = g * term;
    out.offset = vf_select(c.inside, zero, g);
    return out;
}

static void backward(const setun_fakequant_args *args, int64_t group, int64_t first, int64_t count, double *sums) {
    const rule r = rule_of(args, group);
    _Alignas(64) float values[PIECE], scales[PIECE], offsets[PIECE];
    fixed_lanes of_scale = {0}, of_offset = {0};
    vf mix = vf_set1(args->mix), rest = vf_set1(1.0f - args->mix);
    for (int64_t at = 0; at < count; at += PIECE) {
        int64_t n = setun_min_i64(PIECE, count - at), place = group * args->group + first + at;
        VF_FOR(i, lanes, n) {
            vf g = vf_get(args->g + place + i, lanes);
            gradients d = gradients_of(args, &r, group, first + at + i, vf_get(args->v + place + i, lanes), g);
            if (!is_quantized(args, &r, first + at + i)) {
                d = (gradients){g, vf_set1(0), vf_set1(0)};
            } else if (args->mix != 1.0f) {
                d = (gradients){rest * g + mix * d.value, mix * d.scale, mix * d.offset};
            }
            vf_store(values + i, d.value);
            vf_store(scales + i, d.scale);
            vf_store(offsets + i, d.offset);
        }
        if (args->dv != NULL) {
            memcpy(args->dv + place, values, (size_t)n * sizeof(float));
        }
        if (sums == NULL) {
            continue;
        }
        pad(scales, n);
        pad(offsets, n);
        for (int64_t i = 0; i < n; i += SUM_LANES) {
            fixed_add_products(scales + i, NULL, of_scale.lane);
            if (args->doffset != NULL) {
                fixed_add_products(offsets + i, NULL, of_offset.lane);
            }
        }
    }
    if (sums != NULL) {
        sums[0] = fixed_lanes_sum(&of_scale);
        sums[1] = fixed_lanes_sum(&of_offset);
    }
}

const setun_fakequant_kernels FAKEQUANT_KERNELS = {forward, backward};
