/*
 * turned: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (8, 40)
 *     kernel_size = 1
 *     strides = 1
 *     padding = valid
 *     data_format = channels_first
 *     activation = linear
 *     filters = 8
 *
 * computes   y[t, f] = bias[f] + sum over k, c of kernel[k, c, f] * x[t + k, c]
 * algorithm  relayout, 40 outputs at a time in channels_last: direct_filters for sse2: tiles of 6 and 5 steps x 8
 * filters, 12 accumulator vectors of 4
 * work       2,560 multiply-adds a call
 * memory     288 bytes of weights (arguments, as packed), 2,560 bytes of workspace, nothing allocated
 * size       about 3,300 bytes of code, about 64 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -msse2 -c turned.c
 */
#ifndef turned_H
#define turned_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TURNED_STEPS 40
#define TURNED_OUT_STEPS 40
#define TURNED_CHANNELS 8
#define TURNED_FILTERS 8
#define TURNED_WORKSPACE_BYTES 2560
#define TURNED_KERNEL_NUMBERS 64 /* of a packed kernel */

/* The same in their spelling of before, for one release more. */
#define turned_STEPS TURNED_STEPS
#define turned_OUT_STEPS TURNED_OUT_STEPS
#define turned_CHANNELS TURNED_CHANNELS
#define turned_FILTERS TURNED_FILTERS
#define turned_WORKSPACE_BYTES TURNED_WORKSPACE_BYTES
#define turned_KERNEL_NUMBERS TURNED_KERNEL_NUMBERS

/*
 * One sample. Arrays are contiguous, and aligned as their C type is; y must not overlap what is read. Nothing is kept
 * between calls, which may run at the same time. Only the numbers named here are read or written.
 */
void turned(
    const float *x, /* (8, 40): channels, steps */
    const float *kernel, /* as packed */
    const float *bias, /* (8,) */
    float *y, /* (8, 40): filters, output steps */
    void *workspace); /* 2560 bytes, any content; aligned to 4, as a float is */

/* Lays a kernel (1, 8, 8) out as turned reads it: 64 numbers, once for all calls. */
void turned_pack(const float *kernel, float *packed);

#ifdef __cplusplus
}
#endif

#endif
