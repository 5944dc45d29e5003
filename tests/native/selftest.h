#ifndef SETUN_TEST_SELFTEST_H
#define SETUN_TEST_SELFTEST_H

#include "harness.h"

void runtime_tests(void);
void ternary_tests(void);
void codec_tests(void);
void dense_tests(void);

#endif
