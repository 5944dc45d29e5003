/* The interchange formats: layouts byte by byte for values at known places, and round trips. */
#include <math.h>
#include <string.h>

#include "selftest.h"

static setun_context *context;

static setun_ternary_codec codec_of(setun_ternary_format format, int64_t m, int64_t k, int8_t *codes, uint8_t *data, float *scales) {
    return (setun_ternary_codec){.size = sizeof(setun_ternary_codec),
                                 .format = format,
                                 .m = m,
                                 .k = k,
                                 .codes = codes,
                                 .data = data,
                                 .data_bytes = setun_ternary_format_bytes(format, m, k),
                                 .scales = scales};
}

/* One code of +1 among zeros must appear at this byte as these bits above the byte of all zeros. */
static void place(setun_ternary_format format, int64_t m, int64_t k, int64_t index, int64_t byte, int bits) {
    int8_t *codes = guarded(m * k, 0);
    int64_t bytes = setun_ternary_format_bytes(format, m, k);
    uint8_t *zeros = guarded(bytes, 0), *data = guarded(bytes, 0);
    float scales[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    memset(codes, 0, (size_t)(m * k));
    setun_ternary_codec codec = codec_of(format, m, k, codes, zeros, scales);
    CHECK(setun_ternary_encode(context, &codec) == SETUN_OK, "%s", setun_context_message(context));
    codes[index] = 1;
    codec.data = data;
    CHECK(setun_ternary_encode(context, &codec) == SETUN_OK, "%s", setun_context_message(context));
    for (int64_t i = 0; i < bytes; i++) {
        int expected = i == byte ? bits : 0;
        CHECK(data[i] - zeros[i] == expected, "format %d, code %lld: byte %lld rises by %d, expected %d", format, (long long)index,
              (long long)i, data[i] - zeros[i], expected);
    }
    guarded_free_all();
}

static void round_trip(rng *r, setun_ternary_format format, int64_t m, int64_t k) {
    int64_t bytes = setun_ternary_format_bytes(format, m, k), scale_count = format == SETUN_TERNARY_I2_S ? 1 : m * k / 256;
    int8_t *codes = guarded(m * k, 0), *back = guarded(m * k, 0);
    uint8_t *data = guarded(bytes, 0);
    bool has_scales = format != SETUN_TERNARY_HF_U8;
    float *scales = has_scales ? guarded(scale_count * 4, 0) : NULL, *scales_back = has_scales ? guarded(scale_count * 4, 0) : NULL;
    for (int64_t i = 0; i < m * k; i++) {
        codes[i] = (int8_t)(rng_below(r, 3) - 1);
    }
    for (int64_t i = 0; has_scales && i < scale_count; i++) {
        scales[i] = (float)(1 + rng_below(r, 2047)) * 0x1p-14f; /* a half-precision number */
    }
    setun_ternary_codec codec = codec_of(format, m, k, codes, data, scales);
    CHECK(setun_ternary_encode(context, &codec) == SETUN_OK, "%s", setun_context_message(context));
    codec.codes = back;
    codec.scales = scales_back;
    CHECK(setun_ternary_decode(context, &codec) == SETUN_OK, "%s", setun_context_message(context));
    CHECK(memcmp(codes, back, (size_t)(m * k)) == 0, "format %d: codes of %lld x %lld", format, (long long)m, (long long)k);
    CHECK(!has_scales || memcmp(scales, scales_back, (size_t)scale_count * 4) == 0, "format %d: scales", format);
    guarded_free_all();
}

/* f16 scales: ties to even, subnormals, overflow, NaN. */
static void half_scales(void) {
    static const struct {
        float value;
        unsigned half;
    } CASES[] = {{1.0f, 0x3C00},          {-2.0f, 0xC000},      {65504.0f, 0x7BFF},    {65519.0f, 0x7BFF},    {65520.0f, 0x7C00},
                 {1e30f, 0x7C00},         {INFINITY, 0x7C00},   {0x1p-24f, 0x0001},    {0x1p-25f, 0x0000},    {0x1.8p-25f, 0x0001},
                 {0x1.8p-24f, 0x0002},    {0x1p-14f, 0x0400},   {0x1.ff8p-15f, 0x03FF}, {0x1.ffcp-15f, 0x0400}, {-0.0f, 0x8000},
                 {0x1.002p0f, 0x3C00},    {0x1.006p0f, 0x3C02}, {0x1.002002p0f, 0x3C01}, {1e-30f, 0x0000}};
    static int8_t codes[256];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        uint8_t data[66];
        float scale = CASES[i].value;
        setun_ternary_codec codec = codec_of(SETUN_TERNARY_TQ2_0, 1, 256, codes, data, &scale);
        CHECK(setun_ternary_encode(context, &codec) == SETUN_OK, "%s", setun_context_message(context));
        unsigned half = data[64] | (unsigned)data[65] << 8;
        CHECK(half == CASES[i].half, "%a became %04x, expected %04x", (double)CASES[i].value, half, CASES[i].half);
    }
    for (unsigned half = 0; half < 0x10000; half++) { /* every half-precision number comes back */
        uint8_t data[66] = {0}, again[66];
        float scale;
        data[64] = (uint8_t)half;
        data[65] = (uint8_t)(half >> 8);
        setun_ternary_codec codec = codec_of(SETUN_TERNARY_TQ2_0, 1, 256, codes, data, &scale);
        setun_ternary_decode(context, &codec);
        codec.data = again;
        setun_ternary_encode(context, &codec);
        bool nan = (half & 0x7FFF) > 0x7C00;
        unsigned back = again[64] | (unsigned)again[65] << 8;
        CHECK(nan ? isnan(scale) && (back & 0x7FFF) > 0x7C00 : back == half, "%04x became %a, %04x", half, (double)scale, back);
    }
    memset(codes, 0, sizeof codes);
}

static void refusals(void) {
    int8_t codes[256] = {0};
    uint8_t data[66] = {0};
    float scale = 1;
    CHECK(setun_ternary_format_bytes(SETUN_TERNARY_TQ2_0, 2, 300) == -1, "k must be a multiple of 256");
    CHECK(setun_ternary_format_bytes(SETUN_TERNARY_I2_S, 2, 64) == -1, "k must be a multiple of 128");
    CHECK(setun_ternary_format_bytes(9, 2, 256) == -1, "unknown format");
    setun_ternary_codec codec = codec_of(SETUN_TERNARY_TQ2_0, 1, 256, codes, data, &scale);
    codec.data_bytes = 65;
    CHECK(setun_ternary_decode(context, &codec) == SETUN_INVALID_ARGUMENT, "data_bytes");
    codec.data_bytes = 66;
    data[10] = 3 << 2;
    codes[0] = 77;
    CHECK(setun_ternary_decode(context, &codec) == SETUN_INVALID_ARGUMENT && codes[0] == 77, "a bit pair of 3");
    CHECK(setun_ternary_encode(context, &codec) == SETUN_INVALID_ARGUMENT, "a code of 77");
    codec.format = 9;
    CHECK(setun_ternary_encode(context, &codec) == SETUN_INVALID_ARGUMENT, "unknown format");
}

void codec_tests(void) {
    context = context_of(2, -1);
    rng r = {5};
    place(SETUN_TERNARY_TQ2_0, 1, 512, 128 + 64 + 7, 32 + 7, 1 << 4);
    place(SETUN_TERNARY_TQ2_0, 1, 512, 256 + 31, 66 + 31, 1);
    place(SETUN_TERNARY_I2_S, 3, 128, 128 + 5, 32 + 5, 1 << 6);
    place(SETUN_TERNARY_I2_S, 3, 128, 256 + 96 + 9, 64 + 9, 1);
    place(SETUN_TERNARY_HF_U8, 6, 5, 2 * 5 + 3, 3, 1 << 2); /* R = 2: row 2 is in bits 3:2 of byte row 0 */
    place(SETUN_TERNARY_HF_U8, 6, 5, 5 * 5 + 4, 5 + 4, 1 << 4);
    /* All zeros are the trits 11111 = 121, ceil(121 * 256 / 243) = 128; the first trit is worth 81: ceil(202 * 256 / 243) = 213. */
    place(SETUN_TERNARY_TQ1_0, 1, 256, 3, 3, 213 - 128);
    place(SETUN_TERNARY_TQ1_0, 1, 256, 128 + 4, 4, 129 - 128);
    place(SETUN_TERNARY_TQ1_0, 1, 256, 160 + 16 + 2, 32 + 2, 156 - 128);
    place(SETUN_TERNARY_TQ1_0, 1, 256, 240 + 12 + 1, 48 + 1, 130 - 127); /* the last of four: 11110 = 120, worth 3 */
    for (setun_ternary_format format = SETUN_TERNARY_TQ2_0; format <= SETUN_TERNARY_HF_U8; format++) {
        round_trip(&r, format, 1, 256);
        round_trip(&r, format, 7, 512);
        round_trip(&r, format, 300, 768);
        round_trip(&r, format, 0, 256);
        round_trip(&r, format, 3, 0);
    }
    round_trip(&r, SETUN_TERNARY_HF_U8, 5, 3);
    round_trip(&r, SETUN_TERNARY_HF_U8, 1, 1);
    round_trip(&r, SETUN_TERNARY_I2_S, 3, 128);
    half_scales();
    refusals();
    setun_context_destroy(context);
}
