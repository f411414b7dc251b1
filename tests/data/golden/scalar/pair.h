/*
 * pair: a separable_conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (None, 3)
 *     kernel_size = 3
 *     strides = 1
 *     padding = same
 *     activation = softmax
 *     filters = 4
 *
 * computes   y[t, :] = softmax over f of (bias[f] + sum over c of pointwise_kernel[c, f] * (sum over k of
 * depthwise_kernel[k, c, 0] * x[t + k - 1, c]))
 * algorithm  separable, 682 outputs at a time: depthwise for scalar: tiles of 8 steps x 1 channel, 8 accumulators;
 * then direct_filters for scalar: tiles of 2 steps x 4 filters, 8 accumulators; then softmax number by number along
 * a row
 * work       21 multiply-adds an output step
 * memory     100 bytes of weights (arguments), 16,448 bytes of workspace, nothing allocated
 * size       about 2,200 bytes of code, about 170 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c pair.c
 */
#ifndef pair_H
#define pair_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Output steps for an input of `steps` steps; 0 where the kernel does not fit. */
static inline ptrdiff_t pair_out_steps(ptrdiff_t steps)
{
    const ptrdiff_t room = steps - 1;
    return steps > 0 && room >= 0 ? room + 1 : 0;
}

#define PAIR_CHANNELS 3
#define PAIR_FILTERS 4
#define PAIR_WORKSPACE_BYTES 16448

/* The same in their spelling of before, for one release more. */
#define pair_CHANNELS PAIR_CHANNELS
#define pair_FILTERS PAIR_FILTERS
#define pair_WORKSPACE_BYTES PAIR_WORKSPACE_BYTES

/*
 * One sample. Arrays are contiguous, and aligned as their C type is; y must not overlap what is read. Nothing is kept
 * between calls, which may run at the same time. Only the numbers named here are read or written.
 */
void pair(
    const float *x, /* (steps, 3): steps, channels */
    ptrdiff_t steps, /* input steps, 0 or more */
    const float *depthwise_kernel, /* (3, 1, 3): taps, channels of a group, filters */
    const float *pointwise_kernel, /* (1, 3, 4): taps, channels of a group, filters */
    const float *bias, /* (4,) */
    float *y, /* (pair_out_steps(steps), 4): output steps, filters */
    void *workspace); /* 16448 bytes, any content; aligned to 4, as a float is */

#ifdef __cplusplus
}
#endif

#endif
