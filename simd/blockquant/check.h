/* Argument checks that the functions of the family share, beside those of all families (simd/common/check.h). */
#ifndef SETUN_BLOCKQUANT_CHECK_H
#define SETUN_BLOCKQUANT_CHECK_H

#include "blockquant.h"
#include "simd/common/check.h"

/* A known format and a shape that it allows, whose bytes and values do not overflow; *index is the format's place in tables. */
setun_status block_check_matrix(setun_context *context, setun_block_format format, int64_t m, int64_t k, int *index);
/* n rows of k values, ld apart: n >= 0, ld >= k if there is a row, nothing overflows. */
setun_status block_check_rows(setun_context *context, const char *ld_name, int64_t n, int64_t k, int64_t ld);

/* Leaves the function with the status of a check that failed. */
#define BLOCK_TRY(check)              \
    do {                              \
        setun_status status_ = check; \
        if (status_ != SETUN_OK) {    \
            return status_;           \
        }                             \
    } while (0)

#endif
