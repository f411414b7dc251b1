/*
 * causal: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (None, 4)
 *     kernel_size = 2
 *     strides = 1
 *     padding = causal
 *     dilation_rate = 4
 *     activation = linear
 *     filters = 4
 *
 * computes   y[t, f] = bias[f] + sum over k, c of kernel[k, c, f] * x[t + 4*k - 4, c]
 * algorithm  direct_filters for scalar: tiles of 4 steps x 2 filters, 8 accumulators
 * work       32 multiply-adds an output step
 * memory     144 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 2,300 bytes of code, about 150 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c causal.c
 */
#include "causal.h"

/* 4 output steps x 2 filters */
static void causal_4x2(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    float a0_0 = b[0], a0_1 = b[1];
    float a1_0 = a0_0, a1_1 = a0_1;
    float a2_0 = a0_0, a2_1 = a0_1;
    float a3_0 = a0_0, a3_1 = a0_1;
    float s, w0, w1;

    /* tap 0 x 4 channels */
    w0 = w[0]; w1 = w[1];
    s = x[0]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[4]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[8]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[12]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[4]; w1 = w[5];
    s = x[1]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[5]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[9]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[13]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[8]; w1 = w[9];
    s = x[2]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[6]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[10]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[14]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[12]; w1 = w[13];
    s = x[3]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[7]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[11]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[15]; a3_0 += s * w0; a3_1 += s * w1;
    /* tap 1 x 4 channels */
    w0 = w[16]; w1 = w[17];
    s = x[16]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[20]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[24]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[28]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[20]; w1 = w[21];
    s = x[17]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[21]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[25]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[29]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[24]; w1 = w[25];
    s = x[18]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[22]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[26]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[30]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[28]; w1 = w[29];
    s = x[19]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[23]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[27]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[31]; a3_0 += s * w0; a3_1 += s * w1;
    y[0] = a0_0;
    y[1] = a0_1;
    y[4] = a1_0;
    y[5] = a1_1;
    y[8] = a2_0;
    y[9] = a2_1;
    y[12] = a3_0;
    y[13] = a3_1;
}

/* 4 output steps x 2 filters */
static void causal_4x2_at0(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    float a0_0 = b[0], a0_1 = b[1];
    float a1_0 = a0_0, a1_1 = a0_1;
    float a2_0 = a0_0, a2_1 = a0_1;
    float a3_0 = a0_0, a3_1 = a0_1;
    float s, w0, w1;

    /* tap 1 x 4 channels */
    w0 = w[16]; w1 = w[17];
    s = x[0]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[4]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[8]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[12]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[20]; w1 = w[21];
    s = x[1]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[5]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[9]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[13]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[24]; w1 = w[25];
    s = x[2]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[6]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[10]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[14]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[28]; w1 = w[29];
    s = x[3]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[7]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[11]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[15]; a3_0 += s * w0; a3_1 += s * w1;
    y[0] = a0_0;
    y[1] = a0_1;
    y[4] = a1_0;
    y[5] = a1_1;
    y[8] = a2_0;
    y[9] = a2_1;
    y[12] = a3_0;
    y[13] = a3_1;
}

/* 1 output step x 2 filters at a border */
static void causal_edge_1x2(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y, ptrdiff_t taps)
{
    float a0_0 = b[0], a0_1 = b[1];
    float s, w0, w1;

    /* the taps inside the input */
    for (ptrdiff_t k = 0; k < taps; ++k)
        for (ptrdiff_t c = 0; c < 4; ++c) {
            w0 = w[16 * k + 4 * c]; w1 = w[16 * k + 4 * c + 1];
            s = x[16 * k + c]; a0_0 += s * w0; a0_1 += s * w1;
        }
    y[0] = a0_0;
    y[1] = a0_1;
}

/* 4 output steps x 2 filters at a border */
static void causal_edge_4x2(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y, ptrdiff_t taps)
{
    float a0_0 = b[0], a0_1 = b[1];
    float a1_0 = a0_0, a1_1 = a0_1;
    float a2_0 = a0_0, a2_1 = a0_1;
    float a3_0 = a0_0, a3_1 = a0_1;
    float s, w0, w1;

    /* the taps inside the input */
    for (ptrdiff_t k = 0; k < taps; ++k)
        for (ptrdiff_t c = 0; c < 4; ++c) {
            w0 = w[16 * k + 4 * c]; w1 = w[16 * k + 4 * c + 1];
            s = x[16 * k + c]; a0_0 += s * w0; a0_1 += s * w1;
            s = x[16 * k + c + 4]; a1_0 += s * w0; a1_1 += s * w1;
            s = x[16 * k + c + 8]; a2_0 += s * w0; a2_1 += s * w1;
            s = x[16 * k + c + 12]; a3_0 += s * w0; a3_1 += s * w1;
        }
    y[0] = a0_0;
    y[1] = a0_1;
    y[4] = a1_0;
    y[5] = a1_1;
    y[8] = a2_0;
    y[9] = a2_1;
    y[12] = a3_0;
    y[13] = a3_1;
}

/* Outputs t to end - 1, where taps may lie outside the input: those are skipped. */
static void causal_border_2(const float *x, const float *w,
    const float *b, float *y, ptrdiff_t t, ptrdiff_t end)
{
    while (t < end) {
        const ptrdiff_t at = t - 4; /* the sample of tap 0 */
        const ptrdiff_t first = at < 0 ? (3 - at) / 4 : 0;
        const ptrdiff_t taps = first < 2 ? 2 - first : 0;
        const float *from = taps > 0 ? x + 4 * (at + 4 * first) : x;
        const float *weights = taps > 0 ? w + 16 * first : w;
        const ptrdiff_t far = at + 3; /* the sample of the last one's tap 0 */
        const ptrdiff_t far_first = far < 0 ? (3 - far) / 4 : 0;

        if (t + 4 <= end && first == far_first) {
            causal_edge_4x2(from, weights, b, y + 4 * t, taps);
            t += 4;
            continue;
        }
        causal_edge_1x2(from, weights, b, y + 4 * t, taps);
        ++t;
    }
}

void causal(const float *x, ptrdiff_t steps, const float *kernel, const float *bias, float *y)
{
    const ptrdiff_t outs = causal_out_steps(steps);
    /* outputs first to last - 1 have all their taps inside the input */
    ptrdiff_t first = 4, last = outs;

    if (last - first < 4) first = last = outs; /* too few for a tile: all go through the border */
    {
        /* the first 4 outputs have tiles of their own, unless all go through the border */
        const ptrdiff_t start = first < outs ? 4 : outs, end = last;
        /* chunks of 128 outputs, the last one longer */
        const ptrdiff_t chunks = end - start < 128 ? end > start : (end - start) / 128;

        if (first == outs)
            for (ptrdiff_t j = 0; j < 2; ++j)
                causal_border_2(x, kernel + 2 * j, bias + 2 * j, y + 2 * j, 0, first);
        if (first < outs)
            for (ptrdiff_t j = 0; j < 2; ++j)
                causal_4x2_at0(x, kernel + 2 * j, bias + 2 * j, y + 2 * j);
        for (ptrdiff_t chunk = 0; chunk < chunks; ++chunk) {
            const ptrdiff_t from = start + 128 * chunk, to = chunk + 1 < chunks ? from + 128 : end;
            for (ptrdiff_t j = 0; j < 2; ++j)
                for (ptrdiff_t t = from; t < to; t += 4) {
                    const ptrdiff_t at = last - t < 4 ? last - 4 : t; /* the last one overlaps */
                    causal_4x2(x + 4 * (at - 4), kernel + 2 * j, bias + 2 * j, y + 2 * j + 4 * at);
                }
        }
    }
}
