/*
 * tiles: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (20, 4)
 *     kernel_size = 3
 *     strides = 1
 *     padding = same
 *     activation = linear
 *     filters = 4
 *
 * computes   y[t, f] = bias[f] + sum over k, c of kernel[k, c, f] * x[t + k - 1, c]
 * algorithm  winograd F(2,3) for scalar: 2 outputs from 4 products (1.50 times fewer), GEMM tiles of 2 x 4, 10 tiles
 * a block, 1.2 times direct's rounding error
 * work       960 multiply-adds a call
 * memory     272 bytes of weights (arguments, as packed), 1,568 bytes of workspace, nothing allocated
 * size       about 860 bytes of code, about 140 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c tiles.c
 */
#ifndef tiles_H
#define tiles_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TILES_STEPS 20
#define TILES_OUT_STEPS 20
#define TILES_CHANNELS 4
#define TILES_FILTERS 4
#define TILES_WORKSPACE_BYTES 1568
#define TILES_KERNEL_NUMBERS 64 /* of a packed kernel */

/* The same in their spelling of before, for one release more. */
#define tiles_STEPS TILES_STEPS
#define tiles_OUT_STEPS TILES_OUT_STEPS
#define tiles_CHANNELS TILES_CHANNELS
#define tiles_FILTERS TILES_FILTERS
#define tiles_WORKSPACE_BYTES TILES_WORKSPACE_BYTES
#define tiles_KERNEL_NUMBERS TILES_KERNEL_NUMBERS

/*
 * One sample. Arrays are contiguous, and aligned as their C type is; y must not overlap what is read. Nothing is kept
 * between calls, which may run at the same time. Only the numbers named here are read or written.
 */
void tiles(
    const float *x, /* (20, 4): steps, channels */
    const float *kernel, /* as packed */
    const float *bias, /* (4,) */
    float *y, /* (20, 4): output steps, filters */
    void *workspace); /* 1568 bytes, any content; aligned to 4, as a float is */

/* Lays a kernel (3, 4, 4) out as tiles reads it: 64 numbers, once for all calls. */
void tiles_pack(const float *kernel, float *packed);

#ifdef __cplusplus
}
#endif

#endif
