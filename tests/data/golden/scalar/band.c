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
 * algorithm  direct_filters for scalar: tiles of 8 steps x 1 filter, 8 accumulators
 * work       320 multiply-adds a call
 * memory     20 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 1,900 bytes of code, about 32 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c band.c
 */
#include "band.h"

/* 8 output steps x 1 filter */
static void band_8x1_at0(const float *restrict x, const float *restrict w,
    float *restrict y)
{
    float a0_0 = 0;
    float a1_0 = a0_0;
    float a2_0 = a0_0;
    float a3_0 = a0_0;
    float a4_0 = a0_0;
    float a5_0 = a0_0;
    float a6_0 = a0_0;
    float a7_0 = a0_0;
    float s, w0;

    /* tap 0, rows 2 to 7 x 1 channel */
    w0 = w[0];
    s = x[0]; a2_0 += s * w0;
    s = x[1]; a3_0 += s * w0;
    s = x[2]; a4_0 += s * w0;
    s = x[3]; a5_0 += s * w0;
    s = x[4]; a6_0 += s * w0;
    s = x[5]; a7_0 += s * w0;
    /* tap 1, rows 1 to 7 x 1 channel */
    w0 = w[1];
    s = x[0]; a1_0 += s * w0;
    s = x[1]; a2_0 += s * w0;
    s = x[2]; a3_0 += s * w0;
    s = x[3]; a4_0 += s * w0;
    s = x[4]; a5_0 += s * w0;
    s = x[5]; a6_0 += s * w0;
    s = x[6]; a7_0 += s * w0;
    /* tap 2 x 1 channel */
    w0 = w[2];
    s = x[0]; a0_0 += s * w0;
    s = x[1]; a1_0 += s * w0;
    s = x[2]; a2_0 += s * w0;
    s = x[3]; a3_0 += s * w0;
    s = x[4]; a4_0 += s * w0;
    s = x[5]; a5_0 += s * w0;
    s = x[6]; a6_0 += s * w0;
    s = x[7]; a7_0 += s * w0;
    /* tap 3 x 1 channel */
    w0 = w[3];
    s = x[1]; a0_0 += s * w0;
    s = x[2]; a1_0 += s * w0;
    s = x[3]; a2_0 += s * w0;
    s = x[4]; a3_0 += s * w0;
    s = x[5]; a4_0 += s * w0;
    s = x[6]; a5_0 += s * w0;
    s = x[7]; a6_0 += s * w0;
    s = x[8]; a7_0 += s * w0;
    /* tap 4 x 1 channel */
    w0 = w[4];
    s = x[2]; a0_0 += s * w0;
    s = x[3]; a1_0 += s * w0;
    s = x[4]; a2_0 += s * w0;
    s = x[5]; a3_0 += s * w0;
    s = x[6]; a4_0 += s * w0;
    s = x[7]; a5_0 += s * w0;
    s = x[8]; a6_0 += s * w0;
    s = x[9]; a7_0 += s * w0;
    y[0] = a0_0;
    y[1] = a1_0;
    y[2] = a2_0;
    y[3] = a3_0;
    y[4] = a4_0;
    y[5] = a5_0;
    y[6] = a6_0;
    y[7] = a7_0;
}

/* 8 output steps x 1 filter */
static void band_8x1(const float *restrict x, const float *restrict w,
    float *restrict y)
{
    float a0_0 = 0;
    float a1_0 = a0_0;
    float a2_0 = a0_0;
    float a3_0 = a0_0;
    float a4_0 = a0_0;
    float a5_0 = a0_0;
    float a6_0 = a0_0;
    float a7_0 = a0_0;
    float s, w0;

    /* tap 0 x 1 channel */
    w0 = w[0];
    s = x[0]; a0_0 += s * w0;
    s = x[1]; a1_0 += s * w0;
    s = x[2]; a2_0 += s * w0;
    s = x[3]; a3_0 += s * w0;
    s = x[4]; a4_0 += s * w0;
    s = x[5]; a5_0 += s * w0;
    s = x[6]; a6_0 += s * w0;
    s = x[7]; a7_0 += s * w0;
    /* tap 1 x 1 channel */
    w0 = w[1];
    s = x[1]; a0_0 += s * w0;
    s = x[2]; a1_0 += s * w0;
    s = x[3]; a2_0 += s * w0;
    s = x[4]; a3_0 += s * w0;
    s = x[5]; a4_0 += s * w0;
    s = x[6]; a5_0 += s * w0;
    s = x[7]; a6_0 += s * w0;
    s = x[8]; a7_0 += s * w0;
    /* tap 2 x 1 channel */
    w0 = w[2];
    s = x[2]; a0_0 += s * w0;
    s = x[3]; a1_0 += s * w0;
    s = x[4]; a2_0 += s * w0;
    s = x[5]; a3_0 += s * w0;
    s = x[6]; a4_0 += s * w0;
    s = x[7]; a5_0 += s * w0;
    s = x[8]; a6_0 += s * w0;
    s = x[9]; a7_0 += s * w0;
    /* tap 3 x 1 channel */
    w0 = w[3];
    s = x[3]; a0_0 += s * w0;
    s = x[4]; a1_0 += s * w0;
    s = x[5]; a2_0 += s * w0;
    s = x[6]; a3_0 += s * w0;
    s = x[7]; a4_0 += s * w0;
    s = x[8]; a5_0 += s * w0;
    s = x[9]; a6_0 += s * w0;
    s = x[10]; a7_0 += s * w0;
    /* tap 4 x 1 channel */
    w0 = w[4];
    s = x[4]; a0_0 += s * w0;
    s = x[5]; a1_0 += s * w0;
    s = x[6]; a2_0 += s * w0;
    s = x[7]; a3_0 += s * w0;
    s = x[8]; a4_0 += s * w0;
    s = x[9]; a5_0 += s * w0;
    s = x[10]; a6_0 += s * w0;
    s = x[11]; a7_0 += s * w0;
    y[0] = a0_0;
    y[1] = a1_0;
    y[2] = a2_0;
    y[3] = a3_0;
    y[4] = a4_0;
    y[5] = a5_0;
    y[6] = a6_0;
    y[7] = a7_0;
}

/* 8 output steps x 1 filter */
static void band_8x1_at56(const float *restrict x, const float *restrict w,
    float *restrict y)
{
    float a0_0 = 0;
    float a1_0 = a0_0;
    float a2_0 = a0_0;
    float a3_0 = a0_0;
    float a4_0 = a0_0;
    float a5_0 = a0_0;
    float a6_0 = a0_0;
    float a7_0 = a0_0;
    float s, w0;

    /* tap 0 x 1 channel */
    w0 = w[0];
    s = x[0]; a0_0 += s * w0;
    s = x[1]; a1_0 += s * w0;
    s = x[2]; a2_0 += s * w0;
    s = x[3]; a3_0 += s * w0;
    s = x[4]; a4_0 += s * w0;
    s = x[5]; a5_0 += s * w0;
    s = x[6]; a6_0 += s * w0;
    s = x[7]; a7_0 += s * w0;
    /* tap 1 x 1 channel */
    w0 = w[1];
    s = x[1]; a0_0 += s * w0;
    s = x[2]; a1_0 += s * w0;
    s = x[3]; a2_0 += s * w0;
    s = x[4]; a3_0 += s * w0;
    s = x[5]; a4_0 += s * w0;
    s = x[6]; a5_0 += s * w0;
    s = x[7]; a6_0 += s * w0;
    s = x[8]; a7_0 += s * w0;
    /* tap 2 x 1 channel */
    w0 = w[2];
    s = x[2]; a0_0 += s * w0;
    s = x[3]; a1_0 += s * w0;
    s = x[4]; a2_0 += s * w0;
    s = x[5]; a3_0 += s * w0;
    s = x[6]; a4_0 += s * w0;
    s = x[7]; a5_0 += s * w0;
    s = x[8]; a6_0 += s * w0;
    s = x[9]; a7_0 += s * w0;
    /* tap 3, rows 0 to 6 x 1 channel */
    w0 = w[3];
    s = x[3]; a0_0 += s * w0;
    s = x[4]; a1_0 += s * w0;
    s = x[5]; a2_0 += s * w0;
    s = x[6]; a3_0 += s * w0;
    s = x[7]; a4_0 += s * w0;
    s = x[8]; a5_0 += s * w0;
    s = x[9]; a6_0 += s * w0;
    /* tap 4, rows 0 to 5 x 1 channel */
    w0 = w[4];
    s = x[4]; a0_0 += s * w0;
    s = x[5]; a1_0 += s * w0;
    s = x[6]; a2_0 += s * w0;
    s = x[7]; a3_0 += s * w0;
    s = x[8]; a4_0 += s * w0;
    s = x[9]; a5_0 += s * w0;
    y[0] = a0_0;
    y[1] = a1_0;
    y[2] = a2_0;
    y[3] = a3_0;
    y[4] = a4_0;
    y[5] = a5_0;
    y[6] = a6_0;
    y[7] = a7_0;
}

void band(const float *x, const float *kernel, float *y)
{
    /* outputs 0 to 7: 1 tile of 8 */
    band_8x1_at0(x, kernel, y);
    /* outputs 8 to 55: 6 tiles of 8 */
    for (ptrdiff_t t = 0; t < 6; ++t)
        band_8x1(x + 8 * t + 6, kernel, y + 8 * t + 8);
    /* outputs 56 to 63: 1 tile of 8 */
    band_8x1_at56(x + 54, kernel, y + 56);
}
