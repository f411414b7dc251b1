/*
 * mixer: a depthwise_conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (20, 9)
 *     kernel_size = 4
 *     strides = 1
 *     padding = causal
 *     activation = silu
 *
 * computes   y[t, f] = silu(bias[f] + sum over k of kernel[k, 0, f] * x[t + k - 3, f])
 * algorithm  depthwise for scalar: tiles of 7 and 6 steps x 1 channel, 7 accumulators
 * work       720 multiply-adds a call
 * memory     180 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 2,100 bytes of code, about 56 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c mixer.c
 */
#ifndef mixer_H
#define mixer_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MIXER_STEPS 20
#define MIXER_OUT_STEPS 20
#define MIXER_CHANNELS 9
#define MIXER_FILTERS 9
#define MIXER_WORKSPACE_BYTES 0

/* The same in their spelling of before, for one release more. */
#define mixer_STEPS MIXER_STEPS
#define mixer_OUT_STEPS MIXER_OUT_STEPS
#define mixer_CHANNELS MIXER_CHANNELS
#define mixer_FILTERS MIXER_FILTERS
#define mixer_WORKSPACE_BYTES MIXER_WORKSPACE_BYTES

/*
 * One sample. Arrays are contiguous, and aligned as their C type is; y must not overlap what is read. Nothing is kept
 * between calls, which may run at the same time. Only the numbers named here are read or written.
 */
void mixer(
    const float *x, /* (20, 9): steps, channels */
    const float *kernel, /* (4, 1, 9): taps, channels of a group, filters */
    const float *bias, /* (9,) */
    float *y); /* (20, 9): output steps, filters */

#ifdef __cplusplus
}
#endif

#endif
