/* The checks that need no vectors, on the tier that SETUN_ISA leaves. */
#include "selftest.h"

int main(void) {
    skip_missing_tier();
    runtime_tests();
    ternary_tests();
    codec_tests();
    dense_tests();
    return check_report(setun_isa_name(setun_cpu_best_isa()));
}
