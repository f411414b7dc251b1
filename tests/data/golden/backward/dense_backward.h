/*
 * dense_backward: the gradients of a conv1d, written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 * forward    y[t, f] = relu(bias[f] + sum over k, c of kernel[k, c, f] * x[t + k - 1, c])
 * input      direct_filters for scalar: tiles of 2 steps x 3 filters, 6 accumulators
 * kernel     for scalar: tiles of 1 tap x 3 channels x 2 filters, 6 accumulators, 12 outputs at a time
 * work       1,728 multiply-adds a sample
 * memory     320 bytes of workspace, nothing allocated; all numbers are floats
 * build      cc -std=c99 -O2 -ffp-contract=off -c dense_backward.c
 */
#ifndef dense_backward_H
#define dense_backward_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DENSE_BACKWARD_STEPS 12
#define DENSE_BACKWARD_OUT_STEPS 12
#define DENSE_BACKWARD_CHANNELS 3
#define DENSE_BACKWARD_FILTERS 8
#define DENSE_BACKWARD_KERNEL_NUMBERS 72
#define DENSE_BACKWARD_WORKSPACE_BYTES 320 /* that these functions need, any content */

/* The same in their spelling of before, for one release more. */
#define dense_backward_STEPS DENSE_BACKWARD_STEPS
#define dense_backward_OUT_STEPS DENSE_BACKWARD_OUT_STEPS
#define dense_backward_CHANNELS DENSE_BACKWARD_CHANNELS
#define dense_backward_FILTERS DENSE_BACKWARD_FILTERS
#define dense_backward_KERNEL_NUMBERS DENSE_BACKWARD_KERNEL_NUMBERS
#define dense_backward_WORKSPACE_BYTES DENSE_BACKWARD_WORKSPACE_BYTES

/*
 * One sample, in this order. dy is the loss' gradient with respect to the layer's output, dz that before its
 * activation.
 * Arrays are contiguous, and aligned to 4 bytes, as floats are, the workspace too; what is written must
 * not overlap what is read.
 * Nothing is kept between calls.
 */

/* z, the layer's output before its activation. */
void dense_backward_z(
    const float *x, /* (12, 3): steps, channels */
    const float *kernel, /* (3, 3, 8): taps, channels of a group, filters */
    const float *bias, /* (8,) */
    float *z, /* (12, 8): steps, filters */
    void *workspace);

/* dz = dy * f'(z); the sums of dz are added to dbias. */
void dense_backward_output(
    const float *z, /* (12, 8): steps, filters */
    const float *dy, /* (12, 8): steps, filters */
    float *dz, /* (12, 8): steps, filters */
    float *dbias); /* (8,) */

/* dx, the gradient with respect to the input, is written. */
void dense_backward_input(
    const float *dz, /* (12, 8): steps, filters */
    const float *kernel, /* (3, 3, 8): taps, channels of a group, filters */
    float *dx, /* (12, 3): steps, channels */
    void *workspace);

/* The sample's gradient is added to dkernel: set it to zero before the first sample of a batch. */
void dense_backward_kernel(
    const float *x, /* (12, 3): steps, channels */
    const float *dz, /* (12, 8): steps, filters */
    float *dkernel, /* (3, 3, 8): taps, channels of a group, filters */
    void *workspace);

#ifdef __cplusplus
}
#endif

#endif
