/*
 * causal: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (None, 4)
 *     kernel_size = 2
 *     strides = 1
 *     padding = causal
 *     dilation_rate = 4
 *     activation = linear
 *     filters = 4
 *
 * computes   y[t, f] = bias[f] + sum over k, c of kernel[k, c, f] * x[t + 4*k - 4, c]
 * algorithm  direct_filters for avx2: tiles of 14 steps x 4 filters, 14 accumulator vectors of 4
 * work       32 multiply-adds an output step
 * memory     144 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 5,200 bytes of code, about 130 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -mavx2 -mfma -c causal.c
 */
#ifndef causal_H
#define causal_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Output steps for an input of `steps` steps; 0 where the kernel does not fit. */
static inline ptrdiff_t causal_out_steps(ptrdiff_t steps)
{
    const ptrdiff_t room = steps - 1;
    return steps > 0 && room >= 0 ? room + 1 : 0;
}

#define CAUSAL_CHANNELS 4
#define CAUSAL_FILTERS 4
#define CAUSAL_WORKSPACE_BYTES 0

/* The same in their spelling of before, for one release more. */
#define causal_CHANNELS CAUSAL_CHANNELS
#define causal_FILTERS CAUSAL_FILTERS
#define causal_WORKSPACE_BYTES CAUSAL_WORKSPACE_BYTES

/*
 * One sample. Arrays are contiguous, and aligned as their C type is; y must not overlap what is read. Nothing is kept
 * between calls, which may run at the same time. Only the numbers named here are read or written.
 */
void causal(
    const float *x, /* (steps, 4): steps, channels */
    ptrdiff_t steps, /* input steps, 0 or more */
    const float *kernel, /* (2, 4, 4): taps, channels of a group, filters */
    const float *bias, /* (4,) */
    float *y); /* (causal_out_steps(steps), 4): output steps, filters */

#ifdef __cplusplus
}
#endif

#endif
