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
#include "rows.h"

/* 1 filter x 8 output steps */
static void rows_1x8(const double *restrict x, const double *restrict w,
    const double *restrict b, double *restrict y)
{
    double a0_0 = b[0], a0_1 = b[0], a0_2 = b[0], a0_3 = b[0], a0_4 = b[0], a0_5 = b[0], a0_6 = b[0], a0_7 = b[0];
    double s, x0, x1, x2, x3, x4, x5, x6, x7;

    /* 3 taps x 2 channels */
    x0 = x[0]; x1 = x[1]; x2 = x[2]; x3 = x[3]; x4 = x[4]; x5 = x[5]; x6 = x[6]; x7 = x[7];
    s = w[0]; a0_0 += s * x0; a0_1 += s * x1; a0_2 += s * x2; a0_3 += s * x3; a0_4 += s * x4; a0_5 += s * x5;
        a0_6 += s * x6; a0_7 += s * x7;
    x0 = x[10]; x1 = x[11]; x2 = x[12]; x3 = x[13]; x4 = x[14]; x5 = x[15]; x6 = x[16]; x7 = x[17];
    s = w[4]; a0_0 += s * x0; a0_1 += s * x1; a0_2 += s * x2; a0_3 += s * x3; a0_4 += s * x4; a0_5 += s * x5;
        a0_6 += s * x6; a0_7 += s * x7;
    x0 = x[1]; x1 = x[2]; x2 = x[3]; x3 = x[4]; x4 = x[5]; x5 = x[6]; x6 = x[7]; x7 = x[8];
    s = w[8]; a0_0 += s * x0; a0_1 += s * x1; a0_2 += s * x2; a0_3 += s * x3; a0_4 += s * x4; a0_5 += s * x5;
        a0_6 += s * x6; a0_7 += s * x7;
    x0 = x[11]; x1 = x[12]; x2 = x[13]; x3 = x[14]; x4 = x[15]; x5 = x[16]; x6 = x[17]; x7 = x[18];
    s = w[12]; a0_0 += s * x0; a0_1 += s * x1; a0_2 += s * x2; a0_3 += s * x3; a0_4 += s * x4; a0_5 += s * x5;
        a0_6 += s * x6; a0_7 += s * x7;
    x0 = x[2]; x1 = x[3]; x2 = x[4]; x3 = x[5]; x4 = x[6]; x5 = x[7]; x6 = x[8]; x7 = x[9];
    s = w[16]; a0_0 += s * x0; a0_1 += s * x1; a0_2 += s * x2; a0_3 += s * x3; a0_4 += s * x4; a0_5 += s * x5;
        a0_6 += s * x6; a0_7 += s * x7;
    x0 = x[12]; x1 = x[13]; x2 = x[14]; x3 = x[15]; x4 = x[16]; x5 = x[17]; x6 = x[18]; x7 = x[19];
    s = w[20]; a0_0 += s * x0; a0_1 += s * x1; a0_2 += s * x2; a0_3 += s * x3; a0_4 += s * x4; a0_5 += s * x5;
        a0_6 += s * x6; a0_7 += s * x7;
    y[0] = a0_0;
    y[1] = a0_1;
    y[2] = a0_2;
    y[3] = a0_3;
    y[4] = a0_4;
    y[5] = a0_5;
    y[6] = a0_6;
    y[7] = a0_7;
}

void rows(const double *x, const double *kernel, const double *bias, double *y)
{
    for (ptrdiff_t g = 0; g < 2; ++g) {
        for (ptrdiff_t j = 0; j < 2; ++j) {
            const ptrdiff_t f = 2 * g + j;
            rows_1x8(x + 20 * g, kernel + f, bias + f, y + 8 * f);
        }
    }
}
