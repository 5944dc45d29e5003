/* replay FILE...: runs every case of the vector files on the tier that SETUN_ISA leaves, with 0, 1, 2 and 3 threads, each operand
 * ending at a page that may not be touched, and compares with what the Java reference computed. */
#include <math.h>
#include <string.h>

#include "harness.h"
#include "replay.h"

static const replay_op *const FAMILIES[] = {REPLAY_TERNARY_OPS, REPLAY_BLOCK_OPS, REPLAY_DENSE_OPS, REPLAY_NN_OPS, REPLAY_HADAMARD_OPS, REPLAY_PI_OPS, REPLAY_FAKEQUANT_OPS};

static const replay_op *find_op(const char *name) {
    for (size_t i = 0; i < sizeof FAMILIES / sizeof *FAMILIES; i++) {
        for (const replay_op *op = FAMILIES[i]; op->name != NULL; op++) {
            if (strcmp(op->name, name) == 0) {
                return op;
            }
        }
    }
    return NULL;
}

enum { UNTOUCHED = 0x3a };

/* The bits are equal, or both are NaN. */
static bool same_bits(const replay_operand *o, int64_t i) {
    int64_t size = o->bytes / o->count;
    const char *got = (const char *)o->memory + i * size, *expected = (const char *)o->after + i * size;
    if (memcmp(got, expected, (size_t)size) == 0) {
        return true;
    }
    if (o->type == REPLAY_F32) {
        return isnan(((const float *)o->memory)[i]) && isnan(((const float *)o->after)[i]);
    }
    return o->type == REPLAY_F64 && isnan(((const double *)o->memory)[i]) && isnan(((const double *)o->after)[i]);
}

static bool within_bound(const replay_operand *o, int64_t i) {
    float got = ((const float *)o->memory)[i], expected = ((const float *)o->after)[i];
    if (!isfinite(expected)) {
        return !isfinite(got);
    }
    return isnan(o->bound[i]) || fabs((double)got - expected) <= o->bound[i];
}

static double value_of(const replay_operand *o, const void *data, int64_t i) {
    switch (o->type) {
    case REPLAY_F32:
        return ((const float *)data)[i];
    case REPLAY_F64:
        return ((const double *)data)[i];
    case REPLAY_I32:
        return ((const int32_t *)data)[i];
    default:
        return ((const int8_t *)data)[i];
    }
}

static void compare(const replay_case *c, long number, const replay_operand *o, int threads) {
    if (o->role == REPLAY_IN) {
        CHECK(memcmp(o->memory, o->before, (size_t)o->bytes) == 0, "case %ld %s: the input %s was changed", number, c->op, o->name);
        return;
    }
    for (int64_t i = 0; i < o->count; i++) {
        if (!CHECK(o->bound == NULL ? same_bits(o, i) : within_bound(o, i), "case %ld %s, %d threads: %s[%lld] = %.9g, not %.9g within %g",
                   number, c->op, threads, o->name, (long long)i, value_of(o, o->memory, i), value_of(o, o->after, i),
                   o->bound == NULL ? 0 : (double)o->bound[i])) {
            return;
        }
    }
}

static void check_all_used(const replay_case *c) {
    for (uint32_t i = 0; i < c->operands; i++) {
        CHECK(c->operand[i].used, "%s has no operand %s", c->op, c->operand[i].name);
    }
    for (uint32_t i = 0; i < c->scalars; i++) {
        CHECK(c->scalar[i].used, "%s has no scalar %s", c->op, c->scalar[i].name);
    }
}

static void run(setun_context *context, replay_case *c, long number, int threads) {
    const replay_op *op = find_op(c->op);
    if (!CHECK(op != NULL, "the runner does not know %s", c->op)) {
        return;
    }
    for (uint32_t i = 0; i < c->operands; i++) {
        replay_operand *o = &c->operand[i];
        o->memory = guarded(o->bytes, 0);
        memset(o->memory, UNTOUCHED, (size_t)o->bytes);
        if (o->before != NULL) {
            memcpy(o->memory, o->before, (size_t)o->bytes);
        }
    }
    setun_status status = op->call(context, c);
    if (CHECK(status == SETUN_OK, "case %ld %s: %d: %s", number, c->op, status, setun_context_message(context))) {
        for (uint32_t i = 0; i < c->operands; i++) {
            compare(c, number, &c->operand[i], threads);
        }
        check_all_used(c);
    }
    guarded_free_all();
}

int main(int argc, char **argv) {
    skip_missing_tier();
    setun_context *contexts[4];
    for (int threads = 0; threads < 4; threads++) {
        contexts[threads] = context_of(threads, -1);
    }
    long cases = 0;
    for (int i = 1; i < argc; i++) {
        replay_file file = replay_open(argv[i]);
        static replay_case c;
        while (replay_next(&file, &c)) {
            cases++;
            for (int threads = 0; threads < 4; threads++) {
                run(contexts[threads], &c, cases, threads);
            }
        }
    }
    printf("%ld cases on %s, with 0, 1, 2 and 3 threads\n", cases, setun_isa_name(setun_context_isa(contexts[0])));
    for (int threads = 0; threads < 4; threads++) {
        setun_context_destroy(contexts[threads]);
    }
    return check_report("replay");
}
