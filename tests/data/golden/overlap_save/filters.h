/*
 * filters: a depthwise_conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (500, 2)
 *     kernel_size = 60
 *     strides = 1
 *     padding = causal
 *     activation = linear
 *
 * computes   y[t, f] = bias[f] + sum over k of kernel[k, 0, f] * x[t + k - 59, f]
 * algorithm  overlap_save FFT128 for sse2: 64 outputs a block, 1 part of the kernel, vectors of 2 blocks of 2
 * groups, 1 vector at a time, 1.0 times direct's rounding error
 * work       60,000 multiply-adds a call
 * memory     2,088 bytes of weights (arguments, as packed), 40,144 bytes of workspace, nothing allocated
 * size       about 12,000 bytes of code, about 900 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -msse2 -c filters.c
 */
#ifndef filters_H
#define filters_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FILTERS_STEPS 500
#define FILTERS_OUT_STEPS 500
#define FILTERS_CHANNELS 2
#define FILTERS_FILTERS 2
#define FILTERS_WORKSPACE_BYTES 40144

/* The same in their spelling of before, for one release more. */
#define filters_STEPS FILTERS_STEPS
#define filters_OUT_STEPS FILTERS_OUT_STEPS
#define filters_CHANNELS FILTERS_CHANNELS
#define filters_FILTERS FILTERS_FILTERS
#define filters_WORKSPACE_BYTES FILTERS_WORKSPACE_BYTES

/*
 * One sample. Arrays are contiguous, and aligned as their C type is; y must not overlap what is read. Nothing is kept
 * between calls, which may run at the same time. Only the numbers named here are read or written.
 */
void filters(
    const float *x, /* (500, 2): steps, channels */
    const float *kernel, /* as packed */
    const float *bias, /* (2,) */
    float *y, /* (500, 2): output steps, filters */
    void *workspace); /* 40144 bytes, any content; aligned to 4, as a float is */

#ifdef __cplusplus
}
#endif

#endif
