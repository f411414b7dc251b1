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
#include "tiles.h"

/*
 * F(2,3) forward: 4 samples, 1 apart from sample `at` on, to 4 points,
 * for 4 channels; samples outside the input read as zeros.
 */
static void tiles_forward(const float *x, ptrdiff_t at, ptrdiff_t steps, const float *zeros, float *restrict v)
{
    const float *row[4];

    for (ptrdiff_t i = 0; i < 4; ++i, ++at)
        row[i] = at >= 0 && at < steps ? x + 4 * at : zeros;
    for (ptrdiff_t c = 0; c < 4; ++c) {
        const float x2 = row[2][c];
        const float x0 = row[0][c];
        const float t0 = x2 - x0;
        v[c] = t0;
        const float x1 = row[1][c];
        const float t1 = x1 + x2;
        v[c + 48] = t1;
        const float t2 = x2 - x1;
        v[c + 96] = t2;
        const float x3 = row[3][c];
        const float t3 = x3 - x1;
        v[c + 144] = t3;
    }
}

/* 2 tiles x 4 filters, one point of the transform */
static void tiles_gemm_2x4(const float *restrict x, const float *restrict w,
    float *restrict y)
{
    float a0_0 = 0, a0_1 = 0, a0_2 = 0, a0_3 = 0;
    float a1_0 = a0_0, a1_1 = a0_1, a1_2 = a0_2, a1_3 = a0_3;
    float s, w0, w1, w2, w3;

    /* 4 channels */
    for (ptrdiff_t c = 0; c < 4; ++c) {
        w0 = w[4 * c]; w1 = w[4 * c + 1]; w2 = w[4 * c + 2]; w3 = w[4 * c + 3];
        s = x[c]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2; a0_3 += s * w3;
        s = x[c + 4]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2; a1_3 += s * w3;
    }
    y[0] = a0_0;
    y[1] = a0_1;
    y[2] = a0_2;
    y[3] = a0_3;
    y[4] = a1_0;
    y[5] = a1_1;
    y[6] = a1_2;
    y[7] = a1_3;
}

/* The products of one point: 10 tiles by 4 filters. */
static void tiles_products(const float *v, const float *u, float *m)
{
    for (ptrdiff_t i = 0; i < 5; ++i)
        tiles_gemm_2x4(v + 8 * i, u, m + 8 * i);
}

/* F(2,3) inverse: 4 products to 2 outputs, 1 apart, for one vector of filters. */
static void tiles_inverse(const float *restrict m, const float *restrict bias, float *const *row_at, ptrdiff_t f)
{
    float *row[2];
    const float b = bias[f];

    for (ptrdiff_t i = 0; i < 2; ++i)
        row[i] = row_at[i] + f;
    const float x1 = m[48];
    const float x2 = m[96];
    const float t0 = x1 + x2;
    const float x0 = m[0];
    const float t1 = t0 + x0;
    row[0][0] = t1 + b;
    const float t2 = x1 - x2;
    const float x3 = m[144];
    const float t3 = x3 + t2;
    row[1][0] = t3 + b;
}

void tiles(const float *x, const float *kernel, const float *bias, float *y, void *workspace)
{
    float *const v = (float *)workspace; /* (4, 10, 4): transformed input */
    float *const m = v + 192; /* (4, 10, 4): products */
    float *const zeros = m + 192; /* (4,): a row outside the input */
    float *const spare = zeros + 4; /* (4,): a row after the last output */

    for (ptrdiff_t i = 0; i < 4; ++i)
        zeros[i] = 0;
    /* a block of tiles; past the last output nothing is kept */
    for (ptrdiff_t i = 0, t = 0; i < 10; ++i, t += 2)
        tiles_forward(x, t - 1, 20, zeros, v + 4 * i);
    for (ptrdiff_t r = 0; r < 4; ++r)
        tiles_products(v + 48 * r, kernel + 16 * r, m + 48 * r);
    for (ptrdiff_t i = 0, t = 0; i < 10; ++i, t += 2) {
        float *row[2];

        for (ptrdiff_t o = 0; o < 2; ++o)
            row[o] = t + o < 20 ? y + 4 * (t + o) : spare;
        tiles_inverse(m + 4 * i, bias, row, 0);
        tiles_inverse(m + 4 * i + 1, bias, row, 1);
        tiles_inverse(m + 4 * i + 2, bias, row, 2);
        tiles_inverse(m + 4 * i + 3, bias, row, 3);
    }
}

/* The transform of the taps of 1 channel: each point is a sum of doubles, tap after tap. */
static void tiles_points(const float *kernel, float *packed)
{
    static const double matrix[4][3] = {
        { -1.0, 0.0, 0.0 },
        { 0.5, 0.5, 0.5 },
        { 0.5, -0.5, 0.5 },
        { 0.0, 0.0, 1.0 },
    };
    double taps[4][3];

    for (ptrdiff_t v = 0; v < 4; ++v)
        for (ptrdiff_t k = 0; k < 3; ++k)
            taps[v][k] = kernel[16 * k + v];
    for (ptrdiff_t v = 0; v < 4; ++v) {
        double s0 = matrix[0][0] * taps[v][0];
        double s1 = matrix[1][0] * taps[v][0];
        double s2 = matrix[2][0] * taps[v][0];
        double s3 = matrix[3][0] * taps[v][0];
        s0 += matrix[0][1] * taps[v][1];
        s1 += matrix[1][1] * taps[v][1];
        s2 += matrix[2][1] * taps[v][1];
        s3 += matrix[3][1] * taps[v][1];
        s0 += matrix[0][2] * taps[v][2];
        s1 += matrix[1][2] * taps[v][2];
        s2 += matrix[2][2] * taps[v][2];
        s3 += matrix[3][2] * taps[v][2];
        packed[v] = (float)s0;
        packed[v + 16] = (float)s1;
        packed[v + 32] = (float)s2;
        packed[v + 48] = (float)s3;
    }
}

void tiles_pack(const float *kernel, float *packed)
{
    for (ptrdiff_t c = 0; c < 4; ++c)
        tiles_points(kernel + 4 * c, packed + 4 * c);
}
