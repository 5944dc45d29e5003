/* setun_ternary_encode and _decode: codes to and from the interchange formats. */
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "blocks.h"
#include "check.h"
#include "half.h"

enum { BLOCKS_PER_TASK = 512, BYTES_PER_TASK = 1 << 16 };

int64_t setun_ternary_format_bytes(setun_ternary_format format, int64_t m, int64_t k) {
    const ternary_block_format *blocks = ternary_block_format_of(format);
    int64_t bytes;
    if (m < 0 || k < 0 || (blocks == NULL && format != SETUN_TERNARY_HF_U8)) {
        return -1;
    }
    if (blocks == NULL) {
        return setun_mul_i64(m / 4 + (m % 4 != 0), k, &bytes) ? bytes : -1;
    }
    bool fits = k % blocks->values == 0 && setun_mul_i64(k / blocks->values, blocks->bytes, &bytes) && setun_mul_i64(m, bytes, &bytes) &&
                bytes <= INT64_MAX - blocks->tail_bytes;
    return fits ? bytes + blocks->tail_bytes : -1;
}

struct codec_job {
    const setun_ternary_codec *codec;
    const ternary_block_format *format; /* NULL: HF_U8 */
    int64_t blocks;                     /* or bytes of HF_U8 */
    _Atomic bool invalid;
};

static void encode_blocks(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const struct codec_job *job = arg;
    const ternary_block_format *f = job->format;
    for (int64_t i = task * BLOCKS_PER_TASK; i < setun_min_i64((task + 1) * BLOCKS_PER_TASK, job->blocks); i++) {
        uint8_t *block = job->codec->data + i * f->bytes;
        f->encode(job->codec->codes + i * f->values, block);
        if (f->scale_at >= 0) {
            uint16_t half = setun_half_from_float(job->codec->scales[i]);
            block[f->scale_at] = (uint8_t)half;
            block[f->scale_at + 1] = (uint8_t)(half >> 8);
        }
    }
}

static void decode_blocks(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const struct codec_job *job = arg;
    const ternary_block_format *f = job->format;
    for (int64_t i = task * BLOCKS_PER_TASK; i < setun_min_i64((task + 1) * BLOCKS_PER_TASK, job->blocks); i++) {
        const uint8_t *block = job->codec->data + i * f->bytes;
        f->decode(block, job->codec->codes + i * f->values);
        if (f->scale_at >= 0) {
            job->codec->scales[i] = setun_half_to_float((uint16_t)(block[f->scale_at] | block[f->scale_at + 1] << 8));
        }
    }
}

static void validate_blocks(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    struct codec_job *job = arg;
    for (int64_t i = task * BLOCKS_PER_TASK; i < setun_min_i64((task + 1) * BLOCKS_PER_TASK, job->blocks); i++) {
        if (!job->format->valid(job->codec->data + i * job->format->bytes)) {
            atomic_store_explicit(&job->invalid, true, memory_order_relaxed);
        }
    }
}

/* Hugging Face: with R = ceil(m/4), row iR + r is in bits (2i+1:2i) of byte row r; rows beyond m leave zero bits. Byte b of the data is
 * therefore made of codes b, b + Rk, b + 2Rk, b + 3Rk, as far as they exist. */
static int hf_present(const struct codec_job *job, int64_t byte) {
    int present = 0;
    while (present < 4 && byte + present * job->blocks < job->codec->m * job->codec->k) {
        present++;
    }
    return present;
}

static void encode_hf(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const struct codec_job *job = arg;
    for (int64_t b = task * BYTES_PER_TASK; b < setun_min_i64((task + 1) * BYTES_PER_TASK, job->blocks); b++) {
        unsigned bits = 0;
        for (int i = 0; i < hf_present(job, b); i++) {
            bits |= (unsigned)(job->codec->codes[b + i * job->blocks] + 1) << 2 * i;
        }
        job->codec->data[b] = (uint8_t)bits;
    }
}

static void decode_hf(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    const struct codec_job *job = arg;
    for (int64_t b = task * BYTES_PER_TASK; b < setun_min_i64((task + 1) * BYTES_PER_TASK, job->blocks); b++) {
        for (int i = 0; i < hf_present(job, b); i++) {
            job->codec->codes[b + i * job->blocks] = (int8_t)((job->codec->data[b] >> 2 * i & 3) - 1);
        }
    }
}

static void validate_hf(void *arg, int64_t task, int32_t worker) {
    (void)worker;
    struct codec_job *job = arg;
    for (int64_t b = task * BYTES_PER_TASK; b < setun_min_i64((task + 1) * BYTES_PER_TASK, job->blocks); b++) {
        for (int i = 0; i < hf_present(job, b); i++) {
            if ((job->codec->data[b] >> 2 * i & 3) == 3) {
                atomic_store_explicit(&job->invalid, true, memory_order_relaxed);
            }
        }
    }
}

static void run(setun_context *context, struct codec_job *job, setun_task blocks, setun_task bytes) {
    int64_t per_task = job->format == NULL ? BYTES_PER_TASK : BLOCKS_PER_TASK;
    setun_parallel(context, (job->blocks + per_task - 1) / per_task, job->format == NULL ? bytes : blocks, job);
}

static setun_status prepare(setun_context *context, const setun_ternary_codec *codec, struct codec_job *job) {
    SETUN_REQUIRE_ARGS(context, codec);
    TERNARY_TRY(ternary_check_shape(context, codec->m, codec->k));
    const ternary_block_format *format = ternary_block_format_of(codec->format);
    if (format == NULL && codec->format != SETUN_TERNARY_HF_U8) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "format = %d is not an interchange format", codec->format);
    }
    if (format != NULL && codec->k % format->values != 0) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "k = %" PRId64 " must be a multiple of %" PRId64 " in this format", codec->k,
                          format->values);
    }
    int64_t bytes = setun_ternary_format_bytes(codec->format, codec->m, codec->k);
    if (codec->data_bytes != bytes) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "data_bytes = %" PRId64 " must be %" PRId64, codec->data_bytes, bytes);
    }
    SETUN_REQUIRE_DATA(context, codec->codes, codec->m * codec->k);
    SETUN_REQUIRE_DATA(context, codec->data, bytes);
    if (format != NULL) {
        SETUN_REQUIRE_DATA(context, codec->scales, bytes);
    }
    *job = (struct codec_job){.codec = codec, .format = format};
    job->blocks = format == NULL ? bytes : codec->m * (codec->k / format->values);
    return SETUN_OK;
}

static setun_status encode(setun_context *context, const setun_ternary_codec *codec) {
    struct codec_job job;
    TERNARY_TRY(prepare(context, codec, &job));
    TERNARY_TRY(ternary_check_codes(context, codec->codes, codec->m * codec->k));
    run(context, &job, encode_blocks, encode_hf);
    if (job.format != NULL && job.format->tail_bytes > 0) {
        uint8_t *tail = codec->data + codec->data_bytes - job.format->tail_bytes;
        memset(tail, 0, (size_t)job.format->tail_bytes);
        memcpy(tail, codec->scales, sizeof *codec->scales);
    }
    return SETUN_OK;
}

static setun_status decode(setun_context *context, const setun_ternary_codec *codec) {
    struct codec_job job;
    TERNARY_TRY(prepare(context, codec, &job));
    run(context, &job, validate_blocks, validate_hf);
    if (job.invalid) {
        return setun_fail(context, SETUN_INVALID_ARGUMENT, "data holds a bit pair of value 3: it is not ternary");
    }
    run(context, &job, decode_blocks, decode_hf);
    if (job.format != NULL && job.format->tail_bytes > 0) {
        memcpy(codec->scales, codec->data + codec->data_bytes - job.format->tail_bytes, sizeof *codec->scales);
    }
    return SETUN_OK;
}

setun_status setun_ternary_encode(setun_context *context, const setun_ternary_codec *codec) {
    SETUN_CALL(context, encode(context, codec));
}

setun_status setun_ternary_decode(setun_context *context, const setun_ternary_codec *codec) {
    SETUN_CALL(context, decode(context, codec));
}
