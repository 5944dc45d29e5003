#include "blocks.h"

#include <string.h>

/* Whether none of the bit pairs of count bytes is 3. */
static bool no_threes(const uint8_t *bytes, int count) {
    unsigned threes = 0;
    for (int i = 0; i < count; i++) {
        threes |= bytes[i] & bytes[i] >> 1 & 0x55;
    }
    return threes == 0;
}

/* ggml's TQ2_0: in each half of 128 values, bits (2n+1:2n) of byte j hold value 32n + j. */
static void encode_tq2_0(const int8_t *codes, uint8_t *block) {
    for (int half = 0; half < 2; half++, codes += 128, block += 32) {
        for (int j = 0; j < 32; j++) {
            block[j] = (uint8_t)((codes[j] + 1) | (codes[32 + j] + 1) << 2 | (codes[64 + j] + 1) << 4 | (codes[96 + j] + 1) << 6);
        }
    }
}

static void decode_tq2_0(const uint8_t *block, int8_t *codes) {
    for (int half = 0; half < 2; half++, codes += 128, block += 32) {
        for (int n = 0; n < 4; n++) {
            for (int j = 0; j < 32; j++) {
                codes[32 * n + j] = (int8_t)((block[j] >> 2 * n & 3) - 1);
            }
        }
    }
}

static bool valid_tq2_0(const uint8_t *block) { return no_threes(block, 64); }

/* Microsoft's I2_S: in each block of 128 values, the first 32 in the top bits. */
static void encode_i2_s(const int8_t *codes, uint8_t *block) {
    for (int j = 0; j < 32; j++) {
        block[j] = (uint8_t)((codes[j] + 1) << 6 | (codes[32 + j] + 1) << 4 | (codes[64 + j] + 1) << 2 | (codes[96 + j] + 1));
    }
}

static void decode_i2_s(const uint8_t *block, int8_t *codes) {
    for (int n = 0; n < 4; n++) {
        for (int j = 0; j < 32; j++) {
            codes[32 * n + j] = (int8_t)((block[j] >> (6 - 2 * n) & 3) - 1);
        }
    }
}

static bool valid_i2_s(const uint8_t *block) { return no_threes(block, 32); }

/* ggml's TQ1_0: a byte is the fixed-point fraction ceil(256 * 0.t0t1t2t3t4) of five ternary digits t = code + 1, so that multiplying by
 * three brings the next digit out at the top. Runs of bytes hold digit n of value `first + j` in byte j for value first + n*length + j. */
static const struct run {
    int at, length, digits, first;
} TQ1_RUNS[] = {{0, 32, 5, 0}, {32, 16, 5, 160}, {48, 4, 4, 240}};

static void encode_tq1_0(const int8_t *codes, uint8_t *block) {
    for (const struct run *run = TQ1_RUNS; run < TQ1_RUNS + 3; run++) {
        for (int j = 0; j < run->length; j++) {
            int number = 0;
            for (int n = 0; n < 5; n++) { /* a missing fifth digit is 0 */
                number = number * 3 + (n < run->digits ? codes[run->first + n * run->length + j] + 1 : 0);
            }
            block[run->at + j] = (uint8_t)((number * 256 + 242) / 243);
        }
    }
}

static void decode_tq1_0(const uint8_t *block, int8_t *codes) {
    for (const struct run *run = TQ1_RUNS; run < TQ1_RUNS + 3; run++) {
        unsigned power = 1;
        for (int n = 0; n < run->digits; n++, power *= 3) {
            for (int j = 0; j < run->length; j++) {
                uint8_t fraction = (uint8_t)(block[run->at + j] * power);
                codes[run->first + n * run->length + j] = (int8_t)((fraction * 3 >> 8) - 1);
            }
        }
    }
}

static bool valid_tq1_0(const uint8_t *block) { /* every byte is five digits */
    (void)block;
    return true;
}

const ternary_block_format *ternary_block_format_of(setun_ternary_format format) {
    static const ternary_block_format tq2_0 = {256, 66, 64, 0, encode_tq2_0, decode_tq2_0, valid_tq2_0};
    static const ternary_block_format tq1_0 = {256, 54, 52, 0, encode_tq1_0, decode_tq1_0, valid_tq1_0};
    static const ternary_block_format i2_s = {128, 32, -1, 32, encode_i2_s, decode_i2_s, valid_i2_s};
    switch (format) {
    case SETUN_TERNARY_TQ2_0:
        return &tq2_0;
    case SETUN_TERNARY_TQ1_0:
        return &tq1_0;
    case SETUN_TERNARY_I2_S:
        return &i2_s;
    default:
        return NULL;
    }
}
