/*
 * wider: a conv1d_transpose written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (None, 3)
 *     kernel_size = 4
 *     strides = 3
 *     padding = same
 *     activation = relu
 *     filters = 2
 *
 * computes   y[t, f] = relu(bias[f] + sum over c, and the k whose sample is a multiple of 3, of kernel[k, c, f] *
 * x[(t + k - 3) / 3, c])
 * algorithm  upsampled, 3 outputs of a filter as filters, 1365 rows at a time: direct_filters for scalar: tiles of 4
 * steps x 2 filters, 8 accumulators; direct_filters for scalar: tiles of 2 steps x 4 filters, 8 accumulators
 * kernel     Keras' with its taps in reverse, channels before filters: kernel[::-1].swapaxes(1, 2)
 * work       12 multiply-adds an output step
 * memory     104 bytes of weights (arguments), 38,528 bytes of workspace, nothing allocated
 * size       about 2,800 bytes of code, about 240 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c wider.c
 */
#ifndef wider_H
#define wider_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Output steps for an input of `steps` steps; 0 where the kernel does not fit. */
static inline ptrdiff_t wider_out_steps(ptrdiff_t steps)
{
    const ptrdiff_t room = 3 * steps - 1;
    return steps > 0 && room >= 0 ? room + 1 : 0;
}

#define WIDER_CHANNELS 3
#define WIDER_FILTERS 2
#define WIDER_WORKSPACE_BYTES 38528

/* The same in their spelling of before, for one release more. */
#define wider_CHANNELS WIDER_CHANNELS
#define wider_FILTERS WIDER_FILTERS
#define wider_WORKSPACE_BYTES WIDER_WORKSPACE_BYTES

/*
 * One sample. Arrays are contiguous, and aligned as their C type is; y must not overlap what is read. Nothing is kept
 * between calls, which may run at the same time. Only the numbers named here are read or written.
 */
void wider(
    const float *x, /* (steps, 3): steps, channels */
    ptrdiff_t steps, /* input steps, 0 or more */
    const float *kernel, /* (4, 3, 2): taps, channels of a group, filters */
    const float *bias, /* (2,) */
    float *y, /* (wider_out_steps(steps), 2): output steps, filters */
    void *workspace); /* 38528 bytes, any content; aligned to 4, as a float is */

#ifdef __cplusplus
}
#endif

#endif
