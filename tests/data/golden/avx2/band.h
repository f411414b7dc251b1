/*
 * band: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (64, 1)
 *     kernel_size = 5
 *     strides = 1
 *     padding = same
 *     activation = linear
 *     use_bias = False
 *     filters = 1
 *
 * computes   y[t, f] = sum over k of kernel[k, 0, f] * x[t + k - 2, 0]
 * algorithm  direct_steps for avx2: tiles of 1 filter x 32 steps, 4 accumulator vectors of 8
 * work       320 multiply-adds a call
 * memory     20 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 540 bytes of code, about 72 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -mavx2 -mfma -c band.c
 */
#ifndef band_H
#define band_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BAND_STEPS 64
#define BAND_OUT_STEPS 64
#define BAND_CHANNELS 1
#define BAND_FILTERS 1
#define BAND_WORKSPACE_BYTES 0

/* The same in their spelling of before, for one release more. */
#define band_STEPS BAND_STEPS
#define band_OUT_STEPS BAND_OUT_STEPS
#define band_CHANNELS BAND_CHANNELS
#define band_FILTERS BAND_FILTERS
#define band_WORKSPACE_BYTES BAND_WORKSPACE_BYTES

/*
 * One sample. Arrays are contiguous, and aligned as their C type is; y must not overlap what is read. Nothing is kept
 * between calls, which may run at the same time. Only the numbers named here are read or written.
 */
void band(
    const float *x, /* (64, 1): steps, channels */
    const float *kernel, /* (5, 1, 1): taps, channels of a group, filters */
    float *y); /* (64, 1): output steps, filters */

#ifdef __cplusplus
}
#endif

#endif
