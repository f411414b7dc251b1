/*
 * spectrum: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (40, 8)
 *     kernel_size = 9
 *     strides = 1
 *     padding = same
 *     activation = linear
 *     use_bias = False
 *     filters = 8
 *
 * computes   y[t, f] = sum over k, c of kernel[k, c, f] * x[t + k - 4, c]
 * algorithm  fft FFT16(8) for sse2: 8 outputs from 23 products (3.13 times fewer), GEMM tiles of 5 x 8, 5 tiles a
 * block, 0.9 times direct's rounding error
 * work       23,040 multiply-adds a call
 * memory     5,888 bytes of weights (arguments, as packed), 8,896 bytes of workspace, nothing allocated
 * size       about 4,200 bytes of code, about 830 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -msse2 -c spectrum.c
 */
#ifndef spectrum_H
#define spectrum_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPECTRUM_STEPS 40
#define SPECTRUM_OUT_STEPS 40
#define SPECTRUM_CHANNELS 8
#define SPECTRUM_FILTERS 8
#define SPECTRUM_WORKSPACE_BYTES 8896
#define SPECTRUM_KERNEL_NUMBERS 1472 /* of a packed kernel */

/* The same in their spelling of before, for one release more. */
#define spectrum_STEPS SPECTRUM_STEPS
#define spectrum_OUT_STEPS SPECTRUM_OUT_STEPS
#define spectrum_CHANNELS SPECTRUM_CHANNELS
#define spectrum_FILTERS SPECTRUM_FILTERS
#define spectrum_WORKSPACE_BYTES SPECTRUM_WORKSPACE_BYTES
#define spectrum_KERNEL_NUMBERS SPECTRUM_KERNEL_NUMBERS

/*
 * One sample. Arrays are contiguous, and aligned as their C type is; y must not overlap what is read. Nothing is kept
 * between calls, which may run at the same time. Only the numbers named here are read or written.
 */
void spectrum(
    const float *x, /* (40, 8): steps, channels */
    const float *kernel, /* as packed */
    float *y, /* (40, 8): output steps, filters */
    void *workspace); /* 8896 bytes, any content; aligned to 4, as a float is */

/* Lays a kernel (9, 8, 8) out as spectrum reads it: 1472 numbers, once for all calls. */
void spectrum_pack(const float *kernel, float *packed);

#ifdef __cplusplus
}
#endif

#endif
