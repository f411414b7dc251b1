/*
 * strided: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (None, 2)
 *     kernel_size = 4
 *     strides = 2
 *     padding = same
 *     activation = tanh
 *     filters = 6
 *
 * computes   y[t, f] = tanh(bias[f] + sum over k, c of kernel[k, c, f] * x[2*t + k - left, c])
 * algorithm  direct_filters for scalar: tiles of 4 steps x 2 filters, 8 accumulators
 * work       48 multiply-adds an output step
 * memory     216 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 2,700 bytes of code, about 160 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c strided.c
 */
#ifndef strided_H
#define strided_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Output steps for an input of `steps` steps; 0 where the kernel does not fit. */
static inline ptrdiff_t strided_out_steps(ptrdiff_t steps)
{
    const ptrdiff_t room = steps + (steps > 0 ? (3 - (steps - 1) % 2) : 0) - 4;
    return steps > 0 && room >= 0 ? room / 2 + 1 : 0;
}

#define STRIDED_CHANNELS 2
#define STRIDED_FILTERS 6
#define STRIDED_WORKSPACE_BYTES 0

/* The same in their spelling of before, for one release more. */
#define strided_CHANNELS STRIDED_CHANNELS
#define strided_FILTERS STRIDED_FILTERS
#define strided_WORKSPACE_BYTES STRIDED_WORKSPACE_BYTES

/*
 * One sample. Arrays are contiguous, and aligned as their C type is; y must not overlap what is read. Nothing is kept
 * between calls, which may run at the same time. Only the numbers named here are read or written.
 */
void strided(
    const float *x, /* (steps, 2): steps, channels */
    ptrdiff_t steps, /* input steps, 0 or more */
    const float *kernel, /* (4, 2, 6): taps, channels of a group, filters */
    const float *bias, /* (6,) */
    float *y); /* (strided_out_steps(steps), 6): output steps, filters */

/*
 * Slice `slice` of `slices` equal parts of the same work, 0 <= slice < slices: run each once, in any order, at
 * the same time or not. The outputs are the same bits for any number of slices.
 */
void strided_slice(const float *x, ptrdiff_t steps, const float *kernel, const float *bias, float *y,
    ptrdiff_t slice, ptrdiff_t slices);

#ifdef __cplusplus
}
#endif

#endif
