/* The parts of RMSNorm (arXiv 1910.07467) over vec.h; unfused operations in a fixed order: the same bits on every tier. */
#ifndef SETUN_RMS_H
#define SETUN_RMS_H

#include "simd/common/fixed_sums.h"

/* 1 / sqrt(mean(x^2) + eps) of d values, in fp64, which the squares of no fp32 row leave. */
VF_INLINE float rms_of_squares(double squares, int64_t d, float eps) { return (float)(1.0 / sqrt(squares / (double)d + (double)eps)); }

VF_INLINE float rms_rstd(const float *x, int64_t d, float eps) { return rms_of_squares(fixed_squares(x, d), d, eps); }

/* In this order the largest of the results is the largest |x * w| times rstd, bit for bit: rounding is monotone. */
VF_INLINE vf rms_scaled(vf x, vf w, float rstd) { return x * w * vf_set1(rstd); }

#endif
