/*
 * rows: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (4, 10)
 *     kernel_size = 3
 *     strides = 1
 *     padding = valid
 *     data_format = channels_first
 *     activation = linear
 *     dtype = float64
 *     filters = 4
 *     groups = 2
 *
 * computes   y[t, f] = bias[f] + sum over k, c of kernel[k, c, f] * x[t + k, 2*(f / 2) + c]
 * algorithm  direct_steps for scalar: tiles of 1 filter x 8 steps, 8 accumulators
 * work       192 multiply-adds a call
 * memory     224 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 950 bytes of code, about 72 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c rows.c
 */
#ifndef rows_H
#define rows_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ROWS_STEPS 10
#define ROWS_OUT_STEPS 8
#define ROWS_CHANNELS 4
#define ROWS_FILTERS 4
#define ROWS_WORKSPACE_BYTES 0

/* The same in their spelling of before, for one release more. */
#define rows_STEPS ROWS_STEPS
#define rows_OUT_STEPS ROWS_OUT_STEPS
#define rows_CHANNELS ROWS_CHANNELS
#define rows_FILTERS ROWS_FILTERS
#define rows_WORKSPACE_BYTES ROWS_WORKSPACE_BYTES

/*
 * One sample. Arrays are contiguous, and aligned as their C type is; y must not overlap what is read. Nothing is kept
 * between calls, which may run at the same time. Only the numbers named here are read or written.
 */
void rows(
    const double *x, /* (4, 10): channels, steps */
    const double *kernel, /* (3, 2, 4): taps, channels of a group, filters */
    const double *bias, /* (4,) */
    double *y); /* (4, 8): filters, output steps */

#ifdef __cplusplus
}
#endif

#endif
