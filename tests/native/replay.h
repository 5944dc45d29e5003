/* Test vectors: calls with their operands and expected results, written by the Java reference. Format: README.md. */
#ifndef SETUN_TEST_REPLAY_H
#define SETUN_TEST_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "setun/setun.h"

enum { REPLAY_OPERANDS = 16, REPLAY_SCALARS = 24 };
enum { REPLAY_F32 = 0, REPLAY_F64 = 1, REPLAY_I32 = 2, REPLAY_I8 = 3, REPLAY_BF16 = 4 };
enum { REPLAY_IN = 0, REPLAY_OUT = 1, REPLAY_INOUT = 2 };

typedef struct replay_scalar {
    char name[24];
    double value;
    bool used;
} replay_scalar;

typedef struct replay_operand {
    char name[24];
    uint32_t type, role;
    int64_t count, bytes;
    const void *before, *after; /* NULL where the role has none */
    const float *bound;         /* per value; NULL: exact */
    void *memory;               /* guarded, in this run */
    bool used;
} replay_operand;

typedef struct replay_case {
    char op[32];
    uint32_t scalars, operands;
    replay_scalar scalar[REPLAY_SCALARS];
    replay_operand operand[REPLAY_OPERANDS];
} replay_case;

typedef struct replay_file {
    const uint8_t *data;
    int64_t bytes, at;
    uint64_t cases, read;
} replay_file;

/* A file that is damaged ends the process with a message. */
replay_file replay_open(const char *path);
/* Reads the next case; false at the end, which also frees the file. */
bool replay_next(replay_file *file, replay_case *out);

/* An operand's memory; NULL if the case does not have it. */
void *replay_pointer(replay_case *c, const char *name);
/* A scalar; a missing one ends the process with a message, as the vectors and the runner then disagree. */
double replay_value(replay_case *c, const char *name);
/* Whether an optional scalar is there and 1. */
bool replay_flag(replay_case *c, const char *name);

typedef struct replay_op {
    const char *name; /* of the C function, without setun_ */
    setun_status (*call)(setun_context *context, replay_case *c);
} replay_op;

/* Each ends with a name of NULL. */
extern const replay_op REPLAY_TERNARY_OPS[], REPLAY_BLOCK_OPS[], REPLAY_DENSE_OPS[], REPLAY_NN_OPS[], REPLAY_HADAMARD_OPS[], REPLAY_PI_OPS[],
    REPLAY_FAKEQUANT_OPS[];

#define P(name) replay_pointer(c, #name)
#define I(name) ((int64_t)replay_value(c, #name))
#define F(name) ((float)replay_value(c, #name))

#endif
