#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

static _Noreturn void damaged(const replay_file *file, const char *what) {
    fprintf(stderr, "vectors: %s at byte %lld of %lld\n", what, (long long)file->at, (long long)file->bytes);
    exit(1);
}

/* The next bytes, with the zeros that pad them to 8. */
static const void *take(replay_file *file, int64_t bytes) {
    int64_t padded = (bytes + 7) / 8 * 8;
    if (bytes < 0 || padded > file->bytes - file->at) {
        damaged(file, "truncated");
    }
    const void *start = file->data + file->at;
    file->at += padded;
    return start;
}

static void name(replay_file *file, char *out, int64_t length) {
    memcpy(out, take(file, length), (size_t)length);
    if (out[length - 1] != '\0') {
        damaged(file, "a name without an end");
    }
}

replay_file replay_open(const char *path) {
    FILE *stream = fopen(path, "rb");
    if (stream == NULL || fseek(stream, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    long bytes = ftell(stream);
    rewind(stream);
    uint8_t *data = malloc((size_t)bytes + 8);
    if (data == NULL || fread(data, 1, (size_t)bytes, stream) != (size_t)bytes) {
        perror(path);
        exit(1);
    }
    fclose(stream);
    replay_file file = {.data = data, .bytes = bytes};
    if (memcmp(take(&file, 8), "SETUNRV1", 8) != 0) {
        damaged(&file, "not a vector file");
    }
    memcpy(&file.cases, take(&file, 8), 8);
    return file;
}

static void read_operand(replay_file *file, replay_operand *out) {
    static const int64_t SIZE[] = {4, 8, 4, 1, 2};
    uint32_t fields[4];
    *out = (replay_operand){0};
    name(file, out->name, sizeof out->name);
    memcpy(fields, take(file, sizeof fields), sizeof fields);
    memcpy(&out->count, take(file, 8), 8);
    out->type = fields[0];
    out->role = fields[1];
    bool bounded = fields[2] != 0;
    if (out->type > REPLAY_BF16 || out->role > REPLAY_INOUT || out->count < 0 || out->count > file->bytes ||
        (bounded && out->type != REPLAY_F32)) {
        damaged(file, "an impossible operand");
    }
    out->bytes = out->count * SIZE[out->type];
    out->before = out->role == REPLAY_OUT ? NULL : take(file, out->bytes);
    out->after = out->role == REPLAY_IN ? NULL : take(file, out->bytes);
    out->bound = bounded ? take(file, out->count * 4) : NULL;
}

bool replay_next(replay_file *file, replay_case *out) {
    if (file->read == file->cases) {
        if (file->at != file->bytes) {
            damaged(file, "bytes after the last case");
        }
        free((void *)file->data);
        return false;
    }
    file->read++;
    *out = (replay_case){0};
    name(file, out->op, sizeof out->op);
    uint32_t counts[2];
    memcpy(counts, take(file, sizeof counts), sizeof counts);
    out->scalars = counts[0];
    out->operands = counts[1];
    if (out->scalars > REPLAY_SCALARS || out->operands > REPLAY_OPERANDS) {
        damaged(file, "too many scalars or operands");
    }
    for (uint32_t i = 0; i < out->scalars; i++) {
        name(file, out->scalar[i].name, sizeof out->scalar[i].name);
        memcpy(&out->scalar[i].value, take(file, 8), 8);
    }
    for (uint32_t i = 0; i < out->operands; i++) {
        read_operand(file, &out->operand[i]);
    }
    return true;
}

void *replay_pointer(replay_case *c, const char *wanted) {
    for (uint32_t i = 0; i < c->operands; i++) {
        if (strcmp(c->operand[i].name, wanted) == 0) {
            c->operand[i].used = true;
            return c->operand[i].memory;
        }
    }
    return NULL;
}

static replay_scalar *find(replay_case *c, const char *wanted) {
    for (uint32_t i = 0; i < c->scalars; i++) {
        if (strcmp(c->scalar[i].name, wanted) == 0) {
            c->scalar[i].used = true;
            return &c->scalar[i];
        }
    }
    return NULL;
}

double replay_value(replay_case *c, const char *wanted) {
    const replay_scalar *scalar = find(c, wanted);
    if (scalar == NULL) {
        fprintf(stderr, "vectors: %s lacks the scalar %s\n", c->op, wanted);
        exit(1);
    }
    return scalar->value;
}

bool replay_flag(replay_case *c, const char *wanted) {
    const replay_scalar *scalar = find(c, wanted);
    return scalar != NULL && scalar->value == 1;
}
