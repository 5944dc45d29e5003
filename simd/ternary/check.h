/* Argument checks that the public functions of the family share, beside those of all families (simd/common/check.h). Each returns
 * SETUN_OK or fails with a message. */
#ifndef SETUN_TERNARY_CHECK_H
#define SETUN_TERNARY_CHECK_H

#include "simd/common/check.h"
#include "ternary.h"

/* m, k >= 0 and neither [m][k] floats nor the packed matrix overflow. */
setun_status ternary_check_shape(setun_context *context, int64_t m, int64_t k);
/* n, k >= 0, k <= TERNARY_MAX_K, ld >= width if there is a row, and n * ld elements of 4 bytes do not overflow. */
setun_status ternary_check_rows(setun_context *context, const char *ld_name, int64_t n, int64_t k, int64_t ld, int64_t width);
/* Codes outside {-1, 0, 1}. */
setun_status ternary_check_codes(setun_context *context, const int8_t *codes, int64_t count);

/* Leaves the function with the status of a check that failed. */
#define TERNARY_TRY(check)            \
    do {                              \
        setun_status status_ = check; \
        if (status_ != SETUN_OK) {    \
            return status_;           \
        }                             \
    } while (0)

#endif
