/*
 * dense: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (12, 3)
 *     kernel_size = 3
 *     strides = 1
 *     padding = same
 *     activation = relu
 *     filters = 8
 *
 * computes   y[t, f] = relu(bias[f] + sum over k, c of kernel[k, c, f] * x[t + k - 1, c])
 * algorithm  direct_filters for avx2: tiles of 12 steps x 8 filters, 12 accumulator vectors of 8
 * work       864 multiply-adds a call
 * memory     320 bytes of weights (arguments, as packed), 0 bytes of workspace, nothing allocated
 * size       about 1,400 bytes of code, about 8 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -mavx2 -mfma -c dense.c
 */
#ifndef dense_H
#define dense_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DENSE_STEPS 12
#define DENSE_OUT_STEPS 12
#define DENSE_CHANNELS 3
#define DENSE_FILTERS 8
#define DENSE_WORKSPACE_BYTES 0
#define DENSE_KERNEL_NUMBERS 72 /* of a packed kernel */

/* The same in their spelling of before, for one release more. */
#define dense_STEPS DENSE_STEPS
#define dense_OUT_STEPS DENSE_OUT_STEPS
#define dense_CHANNELS DENSE_CHANNELS
#define dense_FILTERS DENSE_FILTERS
#define dense_WORKSPACE_BYTES DENSE_WORKSPACE_BYTES
#define dense_KERNEL_NUMBERS DENSE_KERNEL_NUMBERS

/*
 * One sample. Arrays are contiguous, and aligned as their C type is; y must not overlap what is read. Nothing is kept
 * between calls, which may run at the same time. Only the numbers named here are read or written.
 */
void dense(
    const float *x, /* (12, 3): steps, channels */
    const float *kernel, /* as packed */
    const float *bias, /* (8,) */
    float *y); /* (12, 8): output steps, filters */

/* Lays a kernel (3, 3, 8) out as dense reads it: 72 numbers, once for all calls. */
void dense_pack(const float *kernel, float *packed);

#ifdef __cplusplus
}
#endif

#endif
