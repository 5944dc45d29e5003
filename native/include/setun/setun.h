/* Setun: low-bit neural network kernels behind a plain C ABI. One header to include them all. */
#ifndef SETUN_SETUN_H
#define SETUN_SETUN_H

#include "setun/activation.h"
#include "setun/blockquant.h"
#include "setun/context.h"
#include "setun/cpu.h"
#include "setun/fakequant.h"
#include "setun/gemm.h"
#include "setun/hadamard.h"
#include "setun/measure.h"
#include "setun/memory.h"
#include "setun/nn.h"
#include "setun/optim.h"
#include "setun/pi.h"
#include "setun/status.h"
#include "setun/ternary.h"

#endif
