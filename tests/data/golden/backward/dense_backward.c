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
#include "dense_backward.h"

typedef float v1; /* one number, under the names of the vectors */
#define v1_load(p) (*(p))
#define v1_store(p, v) ((void)(*(p) = (v)))
#define v1_set1(s) (s)

/* a <= b ? x : y in each lane, so y where a or b is NaN. */
#define v1_where(a, b, x, y) ((a) <= (b) ? (x) : (y))

/* relu'(x) = 0.0 where x <= 0.0, else 1. Exact. */
static inline v1 v1_relu_slope(v1 x)
{
    const v1 start = v1_set1(0.0f), one = v1_set1(1.0f);
    const v1 above = one;
    const v1 below = v1_set1(0.0f);
    return v1_where(x, start, below, above);
}

/* 4 output steps x 2 filters */
static void dense_backward_linear_4x2_at0(const float *restrict x, const float *restrict w,
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
    y[0] = a0_0;
    y[1] = a0_1;
    y[8] = a1_0;
    y[9] = a1_1;
    y[16] = a2_0;
    y[17] = a2_1;
    y[24] = a3_0;
    y[25] = a3_1;
}

/* 4 output steps x 2 filters */
static void dense_backward_linear_4x2(const float *restrict x, const float *restrict w,
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
    y[0] = a0_0;
    y[1] = a0_1;
    y[8] = a1_0;
    y[9] = a1_1;
    y[16] = a2_0;
    y[17] = a2_1;
    y[24] = a3_0;
    y[25] = a3_1;
}

/* 4 output steps x 2 filters */
static void dense_backward_linear_4x2_at8(const float *restrict x, const float *restrict w,
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
    y[0] = a0_0;
    y[1] = a0_1;
    y[8] = a1_0;
    y[9] = a1_1;
    y[16] = a2_0;
    y[17] = a2_1;
    y[24] = a3_0;
    y[25] = a3_1;
}

static void dense_backward_linear(const float *x, const float *kernel, const float *bias, float *y)
{
    /* outputs 0 to 3: 1 tile of 4 */
    for (ptrdiff_t j = 0; j < 4; ++j)
        dense_backward_linear_4x2_at0(x, kernel + 2 * j, bias + 2 * j, y + 2 * j);
    /* outputs 4 to 7: 1 tile of 4 */
    for (ptrdiff_t j = 0; j < 4; ++j)
        dense_backward_linear_4x2(x + 9, kernel + 2 * j, bias + 2 * j, y + 2 * j + 32);
    /* outputs 8 to 11: 1 tile of 4 */
    for (ptrdiff_t j = 0; j < 4; ++j)
        dense_backward_linear_4x2_at8(x + 21, kernel + 2 * j, bias + 2 * j, y + 2 * j + 64);
}

void dense_backward_z(const float *x, const float *kernel, const float *bias, float *z, void *workspace)
{
    (void)workspace;
    dense_backward_linear(x, kernel, bias, z);
}

/* `count` rows of 4 numbers, 8 apart: dz = dy * f'(z), and the sums of their columns. */
static void dense_backward_rows(const float *restrict z, const float *restrict dy, float *restrict dz,
    float *restrict sums, ptrdiff_t count)
{
    v1 a0 = v1_set1(0);
    v1 a1 = v1_set1(0);
    v1 a2 = v1_set1(0);
    v1 a3 = v1_set1(0);

    for (ptrdiff_t t = 0; t < count; ++t) {
        const v1 da0 = v1_load(dy + 8 * t) * v1_relu_slope(v1_load(z + 8 * t));
        v1_store(dz + 8 * t, da0);
        a0 = a0 + da0;
        const v1 da1 = v1_load(dy + 8 * t + 1) * v1_relu_slope(v1_load(z + 8 * t + 1));
        v1_store(dz + 8 * t + 1, da1);
        a1 = a1 + da1;
        const v1 da2 = v1_load(dy + 8 * t + 2) * v1_relu_slope(v1_load(z + 8 * t + 2));
        v1_store(dz + 8 * t + 2, da2);
        a2 = a2 + da2;
        const v1 da3 = v1_load(dy + 8 * t + 3) * v1_relu_slope(v1_load(z + 8 * t + 3));
        v1_store(dz + 8 * t + 3, da3);
        a3 = a3 + da3;
    }
    v1_store(sums, a0);
    v1_store(sums + 1, a1);
    v1_store(sums + 2, a2);
    v1_store(sums + 3, a3);
}

/* One sample; what belongs to the bias is added to dbias. */
void dense_backward_output(const float *z, const float *dy, float *dz, float *dbias)
{
    for (ptrdiff_t j = 0; j < 2; ++j) {
        const ptrdiff_t f = 4 * j;
        float sums[4];

        dense_backward_rows(z + f, dy + f, dz + f, sums, 12);
        for (ptrdiff_t i = 0; i < 4; ++i)
            dbias[f + i] += sums[i];
    }
}

/* 2 output steps x 3 filters */
static void dense_backward_of_turned_2x3_at0(const float *restrict x, const float *restrict w,
    float *restrict y)
{
    float a0_0 = 0, a0_1 = 0, a0_2 = 0;
    float a1_0 = a0_0, a1_1 = a0_1, a1_2 = a0_2;
    float s, w0, w1, w2;

    /* tap 0, row 1 x 8 channels */
    w0 = w[0]; w1 = w[1]; w2 = w[2];
    s = x[0]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[3]; w1 = w[4]; w2 = w[5];
    s = x[1]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[6]; w1 = w[7]; w2 = w[8];
    s = x[2]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[9]; w1 = w[10]; w2 = w[11];
    s = x[3]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[12]; w1 = w[13]; w2 = w[14];
    s = x[4]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[15]; w1 = w[16]; w2 = w[17];
    s = x[5]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[18]; w1 = w[19]; w2 = w[20];
    s = x[6]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[21]; w1 = w[22]; w2 = w[23];
    s = x[7]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    /* tap 1 x 8 channels */
    w0 = w[24]; w1 = w[25]; w2 = w[26];
    s = x[0]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[8]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[27]; w1 = w[28]; w2 = w[29];
    s = x[1]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[9]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[30]; w1 = w[31]; w2 = w[32];
    s = x[2]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[10]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[33]; w1 = w[34]; w2 = w[35];
    s = x[3]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[11]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[36]; w1 = w[37]; w2 = w[38];
    s = x[4]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[12]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[39]; w1 = w[40]; w2 = w[41];
    s = x[5]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[13]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[42]; w1 = w[43]; w2 = w[44];
    s = x[6]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[14]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[45]; w1 = w[46]; w2 = w[47];
    s = x[7]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[15]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    /* tap 2 x 8 channels */
    w0 = w[48]; w1 = w[49]; w2 = w[50];
    s = x[8]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[16]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[51]; w1 = w[52]; w2 = w[53];
    s = x[9]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[17]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[54]; w1 = w[55]; w2 = w[56];
    s = x[10]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[18]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[57]; w1 = w[58]; w2 = w[59];
    s = x[11]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[19]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[60]; w1 = w[61]; w2 = w[62];
    s = x[12]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[20]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[63]; w1 = w[64]; w2 = w[65];
    s = x[13]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[21]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[66]; w1 = w[67]; w2 = w[68];
    s = x[14]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[22]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[69]; w1 = w[70]; w2 = w[71];
    s = x[15]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[23]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    y[0] = a0_0;
    y[1] = a0_1;
    y[2] = a0_2;
    y[3] = a1_0;
    y[4] = a1_1;
    y[5] = a1_2;
}

/* 2 output steps x 3 filters */
static void dense_backward_of_turned_2x3(const float *restrict x, const float *restrict w,
    float *restrict y)
{
    float a0_0 = 0, a0_1 = 0, a0_2 = 0;
    float a1_0 = a0_0, a1_1 = a0_1, a1_2 = a0_2;
    float s, w0, w1, w2;

    /* tap 0 x 8 channels */
    w0 = w[0]; w1 = w[1]; w2 = w[2];
    s = x[0]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[8]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[3]; w1 = w[4]; w2 = w[5];
    s = x[1]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[9]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[6]; w1 = w[7]; w2 = w[8];
    s = x[2]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[10]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[9]; w1 = w[10]; w2 = w[11];
    s = x[3]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[11]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[12]; w1 = w[13]; w2 = w[14];
    s = x[4]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[12]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[15]; w1 = w[16]; w2 = w[17];
    s = x[5]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[13]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[18]; w1 = w[19]; w2 = w[20];
    s = x[6]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[14]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[21]; w1 = w[22]; w2 = w[23];
    s = x[7]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[15]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    /* tap 1 x 8 channels */
    w0 = w[24]; w1 = w[25]; w2 = w[26];
    s = x[8]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[16]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[27]; w1 = w[28]; w2 = w[29];
    s = x[9]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[17]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[30]; w1 = w[31]; w2 = w[32];
    s = x[10]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[18]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[33]; w1 = w[34]; w2 = w[35];
    s = x[11]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[19]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[36]; w1 = w[37]; w2 = w[38];
    s = x[12]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[20]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[39]; w1 = w[40]; w2 = w[41];
    s = x[13]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[21]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[42]; w1 = w[43]; w2 = w[44];
    s = x[14]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[22]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[45]; w1 = w[46]; w2 = w[47];
    s = x[15]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[23]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    /* tap 2 x 8 channels */
    w0 = w[48]; w1 = w[49]; w2 = w[50];
    s = x[16]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[24]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[51]; w1 = w[52]; w2 = w[53];
    s = x[17]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[25]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[54]; w1 = w[55]; w2 = w[56];
    s = x[18]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[26]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[57]; w1 = w[58]; w2 = w[59];
    s = x[19]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[27]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[60]; w1 = w[61]; w2 = w[62];
    s = x[20]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[28]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[63]; w1 = w[64]; w2 = w[65];
    s = x[21]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[29]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[66]; w1 = w[67]; w2 = w[68];
    s = x[22]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[30]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[69]; w1 = w[70]; w2 = w[71];
    s = x[23]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[31]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    y[0] = a0_0;
    y[1] = a0_1;
    y[2] = a0_2;
    y[3] = a1_0;
    y[4] = a1_1;
    y[5] = a1_2;
}

/* 2 output steps x 3 filters */
static void dense_backward_of_turned_2x3_at10(const float *restrict x, const float *restrict w,
    float *restrict y)
{
    float a0_0 = 0, a0_1 = 0, a0_2 = 0;
    float a1_0 = a0_0, a1_1 = a0_1, a1_2 = a0_2;
    float s, w0, w1, w2;

    /* tap 0 x 8 channels */
    w0 = w[0]; w1 = w[1]; w2 = w[2];
    s = x[0]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[8]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[3]; w1 = w[4]; w2 = w[5];
    s = x[1]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[9]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[6]; w1 = w[7]; w2 = w[8];
    s = x[2]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[10]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[9]; w1 = w[10]; w2 = w[11];
    s = x[3]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[11]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[12]; w1 = w[13]; w2 = w[14];
    s = x[4]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[12]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[15]; w1 = w[16]; w2 = w[17];
    s = x[5]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[13]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[18]; w1 = w[19]; w2 = w[20];
    s = x[6]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[14]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[21]; w1 = w[22]; w2 = w[23];
    s = x[7]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[15]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    /* tap 1 x 8 channels */
    w0 = w[24]; w1 = w[25]; w2 = w[26];
    s = x[8]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[16]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[27]; w1 = w[28]; w2 = w[29];
    s = x[9]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[17]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[30]; w1 = w[31]; w2 = w[32];
    s = x[10]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[18]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[33]; w1 = w[34]; w2 = w[35];
    s = x[11]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[19]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[36]; w1 = w[37]; w2 = w[38];
    s = x[12]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[20]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[39]; w1 = w[40]; w2 = w[41];
    s = x[13]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[21]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[42]; w1 = w[43]; w2 = w[44];
    s = x[14]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[22]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    w0 = w[45]; w1 = w[46]; w2 = w[47];
    s = x[15]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    s = x[23]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2;
    /* tap 2, row 0 x 8 channels */
    w0 = w[48]; w1 = w[49]; w2 = w[50];
    s = x[16]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    w0 = w[51]; w1 = w[52]; w2 = w[53];
    s = x[17]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    w0 = w[54]; w1 = w[55]; w2 = w[56];
    s = x[18]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    w0 = w[57]; w1 = w[58]; w2 = w[59];
    s = x[19]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    w0 = w[60]; w1 = w[61]; w2 = w[62];
    s = x[20]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    w0 = w[63]; w1 = w[64]; w2 = w[65];
    s = x[21]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    w0 = w[66]; w1 = w[67]; w2 = w[68];
    s = x[22]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    w0 = w[69]; w1 = w[70]; w2 = w[71];
    s = x[23]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2;
    y[0] = a0_0;
    y[1] = a0_1;
    y[2] = a0_2;
    y[3] = a1_0;
    y[4] = a1_1;
    y[5] = a1_2;
}

static void dense_backward_of_turned(const float *x, const float *kernel, float *y)
{
    /* outputs 0 to 1: 1 tile of 2 */
    dense_backward_of_turned_2x3_at0(x, kernel, y);
    /* outputs 2 to 9: 4 tiles of 2 */
    for (ptrdiff_t t = 0; t < 4; ++t)
        dense_backward_of_turned_2x3(x + 16 * t + 8, kernel, y + 6 * t + 6);
    /* outputs 10 to 11: 1 tile of 2 */
    dense_backward_of_turned_2x3_at10(x + 72, kernel, y + 30);
}

/* Taps in reverse, the channels and filters of each group exchanged. */
static void dense_backward_turn(const float *restrict kernel, float *restrict turned)
{
    for (ptrdiff_t k = 0; k < 3; ++k)
        for (ptrdiff_t f = 0; f < 8; ++f)
            for (ptrdiff_t c = 0; c < 3; ++c)
                turned[24 * (2 - k) + 3 * f + c] = kernel[24 * k + 8 * c + f];
}

void dense_backward_input(const float *dz, const float *kernel, float *dx, void *workspace)
{
    float *const turned = (float *)workspace;

    dense_backward_turn(kernel, turned);
    dense_backward_of_turned(dz, turned, dx);
}

/* The outputs [first, end) whose tap k lies inside the input. */
static ptrdiff_t dense_backward_kernel_first(ptrdiff_t k)
{
    const ptrdiff_t at = k - 1; /* the sample of output 0 */

    return at < 0 ? -at : 0;
}

static ptrdiff_t dense_backward_kernel_end(ptrdiff_t k)
{
    const ptrdiff_t room = 12 - k;
    const ptrdiff_t end = room < 0 ? 0 : room + 1;

    return end < 12 ? end : 12;
}

/* 1 tap x 3 channels x 2 filters, summed over `count` outputs and added to y */
static void dense_backward_kernel_1x3x2(const float *restrict x, const float *restrict w,
    float *restrict y, ptrdiff_t count)
{
    float a0_0 = 0, a0_1 = 0;
    float a1_0 = a0_0, a1_1 = a0_1;
    float a2_0 = a0_0, a2_1 = a0_1;
    float s, w0, w1;

    /* the outputs */
    for (ptrdiff_t t = 0; t < count; ++t) {
        w0 = w[8 * t]; w1 = w[8 * t + 1];
        s = x[3 * t]; a0_0 += s * w0; a0_1 += s * w1;
        s = x[3 * t + 1]; a1_0 += s * w0; a1_1 += s * w1;
        s = x[3 * t + 2]; a2_0 += s * w0; a2_1 += s * w1;
    }
    y[0] += a0_0;
    y[1] += a0_1;
    y[8] += a1_0;
    y[9] += a1_1;
    y[16] += a2_0;
    y[17] += a2_1;
}

/* Tap k of all channels, summed over the outputs [first, end); dz is that of output `from`. */
static void dense_backward_kernel_tap_2(const float *x, const float *dz, float *sums, ptrdiff_t k, ptrdiff_t from,
    ptrdiff_t first, ptrdiff_t end)
{
    if (first < end) {
        const float *at = x + (3 * first + 3 * k - 3);

        dz += 8 * (first - from);
        sums += 24 * k;
        dense_backward_kernel_1x3x2(at, dz, sums, end - first);
    }
}

/* All taps and channels, summed over the outputs [from, to). */
static void dense_backward_kernel_taps_2(const float *x, const float *dz, float *sums, ptrdiff_t from, ptrdiff_t to)
{
    for (ptrdiff_t k = 0; k < 3; ++k) {
        const ptrdiff_t before = dense_backward_kernel_first(k), after = dense_backward_kernel_end(k);
        const ptrdiff_t first = before > from ? before : from, end = after < to ? after : to;

        dense_backward_kernel_tap_2(x, dz, sums, k, from, first, end);
    }
}

/* Adds one sample's products to `sums`. */
static void dense_backward_kernel_sample(const float *x, const float *dz, float *sums)
{
    for (ptrdiff_t j = 0; j < 4; ++j) {
        const ptrdiff_t f = 2 * j;

        dense_backward_kernel_taps_2(x, dz + f, sums + f, 0, 12);
    }
}

void dense_backward_kernel(const float *x, const float *dz, float *dkernel, void *workspace)
{
    (void)workspace;
    dense_backward_kernel_sample(x, dz, dkernel);
}
