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
    x0 = x[1]; x1 = x[2]; x2 = x[3]; x3 = x[4]; x4 = x[5]; x5 = x[6]; x6 = x[7]; x7 = x[8];
    s = w[8]; a0_0 += s * x0; a0_1 += s * x1; a0_2 += s * x2; a0_3 += s * x3; a0_4 += s * x4; a0_5 += s * x5;
        a0_6 += s * x6; a0_7 += s * x7;
    x0 = x[2]; x1 = x[3]; x2 = x[4]; x3 = x[5]; x4 = x[6]; x5 = x[7]; x6 = x[8]; x7 = x[9];
    s = w[16]; a0_0 += s * x0; a0_1 += s * x1; a0_2 += s * x2; a0_3 += s * x3; a0_4 += s * x4; a0_5 += s * x5;
        a0_6 += s * x6; a0_7 += s * x7;
    x0 = x[10]; x1 = x[11]; x2 = x[12]; x3 = x[13]; x4 = x[14]; x5 = x[15]; x6 = x[16]; x7 = x[17];
    s = w[4]; a0_0 += s * x0; a0_1 += s * x1; a0_2 += s * x2; a0_3 += s * x3; a0_4 += s * x4; a0_5 += s * x5;
        a0_6 += s * x6; a0_7 += s * x7;
    x0 = x[11]; x1 = x[12]; x2 = x[13]; x3 = x[14]; x4 = x[15]; x5 = x[16]; x6 = x[17]; x7 = x[18];
    s = w[12]; a0_0 += s * x0; a0_1 += s * x1; a0_2 += s * x2; a0_3 += s * x3; a0_4 += s * x4; a0_5 += s * x5;
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

/* 1 filters x 1 output step at a border */
static void rows_edge_1x1(const double *restrict x, const double *restrict w,
    const double *restrict b, double *restrict y, ptrdiff_t taps)
{
    double a0_0 = b[0];
    double s, x0;

    /* the taps inside the input */
    for (ptrdiff_t c = 0; c < 2; ++c)
        for (ptrdiff_t k = 0; k < taps; ++k) {
            x0 = x[c * 10 + k];
            s = w[8 * k + 4 * c]; a0_0 += s * x0;
        }
    y[0] = a0_0;
}

/* Outputs t to end - 1, where taps may lie outside the input: those are skipped. */
static void rows_border(const double *x, ptrdiff_t steps, ptrdiff_t left, const double *w,
    const double *b, double *y, ptrdiff_t t, ptrdiff_t end)
{
    while (t < end) {
        const ptrdiff_t at = t - left; /* the sample of tap 0 */
        const ptrdiff_t first = at < 0 ? -at : 0;
        const ptrdiff_t fit = at < steps ? steps - at : 0;
        const ptrdiff_t last = fit < 3 ? fit : 3;
        const ptrdiff_t taps = last > first ? last - first : 0;
        const double *from = taps > 0 ? x + at + first : x;
        const double *weights = taps > 0 ? w + 8 * first : w;
        rows_edge_1x1(from, weights, b, y + t, taps);
        ++t;
    }
}

void rows(const double *x, const double *kernel, const double *bias, double *y)
{
    /* outputs first to last - 1 have all their taps inside the input */
    const ptrdiff_t outs = 8, first = 0, last = 8;
    /* chunks of 256 outputs, the last one longer */
    const ptrdiff_t chunks = outs < 256 ? outs > 0 : outs / 256;
    for (ptrdiff_t g = 0; g < 2; ++g)
    for (ptrdiff_t chunk = 0; chunk < chunks; ++chunk) {
        const ptrdiff_t from = 256 * chunk, to = chunk + 1 < chunks ? from + 256 : outs;
        const ptrdiff_t lo = first < from ? from : first < to ? first : to;
        const ptrdiff_t end = last > to ? to : last > lo ? last : lo;
        const ptrdiff_t hi = end - lo < 8 ? lo : end; /* too few for a tile: to the border */
        for (ptrdiff_t j = 0; j < 2; ++j)
        {
            const ptrdiff_t f = 2 * g + j;
            rows_border(x + 2 * g * 10, 10, 0, kernel + f, bias + f, y + f * outs, from, lo);
            for (ptrdiff_t t = lo; t < hi; t += 8) {
                const ptrdiff_t at = hi - t < 8 ? hi - 8 : t; /* the last one overlaps */
                rows_1x8(x + 2 * g * 10 + at, kernel + f, bias + f, y + f * outs + at);
            }
            rows_border(x + 2 * g * 10, 10, 0, kernel + f, bias + f, y + f * outs, hi, to);
        }
    }
}
