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
 * algorithm  direct_filters for scalar: tiles of 4 steps x 2 filters, 8 accumulators
 * work       864 multiply-adds a call
 * memory     320 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 3,400 bytes of code, about 72 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c dense.c
 */
#include "dense.h"

typedef float v1; /* one number, under the names of the vectors */
#define v1_set1(s) (s)

/* a <= b ? x : y in each lane, so y where a or b is NaN. */
#define v1_where(a, b, x, y) ((a) <= (b) ? (x) : (y))

/* relu: 0 where x <= 0.0, else x; NaN stays NaN. Exact. */
static inline v1 v1_relu(v1 x)
{
    const v1 above = x;
    const v1 below = v1_set1(0.0f);
    return v1_where(x, v1_set1(0.0f), below, above);
}

/* 4 output steps x 2 filters */
static void dense_4x2_at0(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    float a0_0 = b[0], a0_1 = b[1];
    float a1_0 = a0_0, a1_1 = a0_1;
    float a2_0 = a0_0, a2_1 = a0_1;
    float a3_0 = a0_0, a3_1 = a0_1;
    float s, w0, w1;

    /* tap 0, rows 1 to 3 x 3 channels */
    w0 = w[0]; w1 = w[1];
    s = x[0]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[3]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[6]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[8]; w1 = w[9];
    s = x[1]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[4]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[7]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[16]; w1 = w[17];
    s = x[2]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[5]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[8]; a3_0 += s * w0; a3_1 += s * w1;
    /* tap 1 x 3 channels */
    w0 = w[24]; w1 = w[25];
    s = x[0]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[3]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[6]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[9]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[32]; w1 = w[33];
    s = x[1]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[4]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[7]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[10]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[40]; w1 = w[41];
    s = x[2]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[5]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[8]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[11]; a3_0 += s * w0; a3_1 += s * w1;
    /* tap 2 x 3 channels */
    w0 = w[48]; w1 = w[49];
    s = x[3]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[6]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[9]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[12]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[56]; w1 = w[57];
    s = x[4]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[7]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[10]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[13]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[64]; w1 = w[65];
    s = x[5]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[8]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[11]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[14]; a3_0 += s * w0; a3_1 += s * w1;
    y[0] = v1_relu(a0_0);
    y[1] = v1_relu(a0_1);
    y[8] = v1_relu(a1_0);
    y[9] = v1_relu(a1_1);
    y[16] = v1_relu(a2_0);
    y[17] = v1_relu(a2_1);
    y[24] = v1_relu(a3_0);
    y[25] = v1_relu(a3_1);
}

/* 4 output steps x 2 filters */
static void dense_4x2(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    float a0_0 = b[0], a0_1 = b[1];
    float a1_0 = a0_0, a1_1 = a0_1;
    float a2_0 = a0_0, a2_1 = a0_1;
    float a3_0 = a0_0, a3_1 = a0_1;
    float s, w0, w1;

    /* tap 0 x 3 channels */
    w0 = w[0]; w1 = w[1];
    s = x[0]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[3]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[6]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[9]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[8]; w1 = w[9];
    s = x[1]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[4]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[7]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[10]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[16]; w1 = w[17];
    s = x[2]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[5]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[8]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[11]; a3_0 += s * w0; a3_1 += s * w1;
    /* tap 1 x 3 channels */
    w0 = w[24]; w1 = w[25];
    s = x[3]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[6]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[9]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[12]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[32]; w1 = w[33];
    s = x[4]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[7]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[10]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[13]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[40]; w1 = w[41];
    s = x[5]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[8]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[11]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[14]; a3_0 += s * w0; a3_1 += s * w1;
    /* tap 2 x 3 channels */
    w0 = w[48]; w1 = w[49];
    s = x[6]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[9]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[12]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[15]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[56]; w1 = w[57];
    s = x[7]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[10]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[13]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[16]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[64]; w1 = w[65];
    s = x[8]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[11]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[14]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[17]; a3_0 += s * w0; a3_1 += s * w1;
    y[0] = v1_relu(a0_0);
    y[1] = v1_relu(a0_1);
    y[8] = v1_relu(a1_0);
    y[9] = v1_relu(a1_1);
    y[16] = v1_relu(a2_0);
    y[17] = v1_relu(a2_1);
    y[24] = v1_relu(a3_0);
    y[25] = v1_relu(a3_1);
}

/* 4 output steps x 2 filters */
static void dense_4x2_at8(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    float a0_0 = b[0], a0_1 = b[1];
    float a1_0 = a0_0, a1_1 = a0_1;
    float a2_0 = a0_0, a2_1 = a0_1;
    float a3_0 = a0_0, a3_1 = a0_1;
    float s, w0, w1;

    /* tap 0 x 3 channels */
    w0 = w[0]; w1 = w[1];
    s = x[0]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[3]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[6]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[9]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[8]; w1 = w[9];
    s = x[1]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[4]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[7]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[10]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[16]; w1 = w[17];
    s = x[2]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[5]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[8]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[11]; a3_0 += s * w0; a3_1 += s * w1;
    /* tap 1 x 3 channels */
    w0 = w[24]; w1 = w[25];
    s = x[3]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[6]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[9]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[12]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[32]; w1 = w[33];
    s = x[4]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[7]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[10]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[13]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[40]; w1 = w[41];
    s = x[5]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[8]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[11]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[14]; a3_0 += s * w0; a3_1 += s * w1;
    /* tap 2, rows 0 to 2 x 3 channels */
    w0 = w[48]; w1 = w[49];
    s = x[6]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[9]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[12]; a2_0 += s * w0; a2_1 += s * w1;
    w0 = w[56]; w1 = w[57];
    s = x[7]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[10]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[13]; a2_0 += s * w0; a2_1 += s * w1;
    w0 = w[64]; w1 = w[65];
    s = x[8]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[11]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[14]; a2_0 += s * w0; a2_1 += s * w1;
    y[0] = v1_relu(a0_0);
    y[1] = v1_relu(a0_1);
    y[8] = v1_relu(a1_0);
    y[9] = v1_relu(a1_1);
    y[16] = v1_relu(a2_0);
    y[17] = v1_relu(a2_1);
    y[24] = v1_relu(a3_0);
    y[25] = v1_relu(a3_1);
}

void dense(const float *x, const float *kernel, const float *bias, float *y)
{
    /* outputs 0 to 3: 1 tile of 4 */
    for (ptrdiff_t j = 0; j < 4; ++j)
        dense_4x2_at0(x, kernel + 2 * j, bias + 2 * j, y + 2 * j);
    /* outputs 4 to 7: 1 tile of 4 */
    for (ptrdiff_t j = 0; j < 4; ++j)
        dense_4x2(x + 9, kernel + 2 * j, bias + 2 * j, y + 2 * j + 32);
    /* outputs 8 to 11: 1 tile of 4 */
    for (ptrdiff_t j = 0; j < 4; ++j)
        dense_4x2_at8(x + 21, kernel + 2 * j, bias + 2 * j, y + 2 * j + 64);
}
