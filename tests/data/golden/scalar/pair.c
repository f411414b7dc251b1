/*
 * pair: a separable_conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (None, 3)
 *     kernel_size = 3
 *     strides = 1
 *     padding = same
 *     activation = softmax
 *     filters = 4
 *
 * computes   y[t, :] = softmax over f of (bias[f] + sum over c of pointwise_kernel[c, f] * (sum over k of
 * depthwise_kernel[k, c, 0] * x[t + k - 1, c]))
 * algorithm  separable, 682 outputs at a time: depthwise for scalar: tiles of 8 steps x 1 channel, 8 accumulators;
 * then direct_filters for scalar: tiles of 2 steps x 4 filters, 8 accumulators; then softmax number by number along
 * a row
 * work       21 multiply-adds an output step
 * memory     100 bytes of weights (arguments), 16,448 bytes of workspace, nothing allocated
 * size       about 2,200 bytes of code, about 170 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c pair.c
 */
#include "pair.h"

typedef float v1; /* one number, under the names of the vectors */
#define v1_load(p) (*(p))
#define v1_store(p, v) ((void)(*(p) = (v)))
#define v1_set1(s) (s)
#define v1_fma(a, b, c) ((a) * (b) + (c)) /* two roundings */

#include <stdint.h>

/* vNu: the bits of a vN, as unsigned integers. */
typedef uint32_t v1u;
static inline v1u v1_bits(v1 x)
{
    const union { v1 x; v1u u; } both = {x};
    return both.u;
}
static inline v1 v1_number(v1u u)
{
    const union { v1u u; v1 x; } both = {u};
    return both.x;
}

/* a > b ? a : b in each lane, so b where b is NaN; not for a = 0, which clang gives a sign of its own. */
static inline v1 v1_max(v1 a, v1 b)
{
    return a > b ? a : b;
}

/* exp(y) = m 2^n: returns m, 0.7 < m < 1.42, and 2^(n + bias) in *scale, for magic = 1.2583039e+07f + bias.
   y = n ln 2 + r, |r| <= ln 2 / 2; m = 1 + r + r^2 q(r), q minimax (Remez), relative error of m 2^-28.8. */
static inline v1 v1_power(v1 y, v1 magic, v1 *scale)
{
    /* y log2(e) + magic: rounded to n, and the last bits are the exponent of *scale */
    const v1 shifted = v1_fma(y, v1_set1(1.442695f), magic);
    const v1 n = shifted - magic;
    const v1 rest = v1_fma(n, v1_set1(-0.6933594f), y);
    const v1 r = v1_fma(n, v1_set1(0.00021219444f), rest);
    v1 q = v1_set1(0.00019845598f);
    q = v1_fma(q, r, v1_set1(0.0013940623f));
    q = v1_fma(q, r, v1_set1(0.00833339f));
    q = v1_fma(q, r, v1_set1(0.041666362f));
    q = v1_fma(q, r, v1_set1(0.16666666f));
    q = v1_fma(q, r, v1_set1(0.5f));
    *scale = v1_number(v1_bits(shifted) << 23);
    return v1_fma(v1_fma(q, r, v1_set1(1.0f)), r, v1_set1(1.0f));
}

/* 2^64 exp(t) for t <= 0, so that no result is denormal; 0 soon after, NaN stays NaN. */
static inline v1 v1_softmax(v1 t)
{
    v1 scale, m = v1_power(v1_max(v1_set1(-131.0f), t), v1_set1(1.2583103e+07f), &scale);
    return m * scale;
}

/* Output rows of the rewritten problem for `steps` rows. */
static ptrdiff_t pair_sums_out_steps(ptrdiff_t steps)
{
    const ptrdiff_t room = steps - 1;
    return steps > 0 && room >= 0 ? room + 1 : 0;
}

/* Output rows of the rewritten problem for `steps` rows. */
static ptrdiff_t pair_sums_depthwise_out_steps(ptrdiff_t steps)
{
    const ptrdiff_t room = steps - 3;
    return steps > 0 && room >= 0 ? room + 1 : 0;
}

/* 8 output steps x 1 channel */
static void pair_sums_depthwise_8x1(const float *restrict x, const float *restrict w,
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
    float s, w0, w1, w2;

    /* taps 0 to 2, 10 samples, each loaded once */
    w0 = w[0]; w1 = w[3]; w2 = w[6];
    s = x[0]; a0_0 += s * w0;
    s = x[3]; a0_0 += s * w1; a1_0 += s * w0;
    s = x[6]; a0_0 += s * w2; a1_0 += s * w1; a2_0 += s * w0;
    s = x[9]; a1_0 += s * w2; a2_0 += s * w1; a3_0 += s * w0;
    s = x[12]; a2_0 += s * w2; a3_0 += s * w1; a4_0 += s * w0;
    s = x[15]; a3_0 += s * w2; a4_0 += s * w1; a5_0 += s * w0;
    s = x[18]; a4_0 += s * w2; a5_0 += s * w1; a6_0 += s * w0;
    s = x[21]; a5_0 += s * w2; a6_0 += s * w1; a7_0 += s * w0;
    s = x[24]; a6_0 += s * w2; a7_0 += s * w1;
    s = x[27]; a7_0 += s * w2;
    y[0] = a0_0;
    y[3] = a1_0;
    y[6] = a2_0;
    y[9] = a3_0;
    y[12] = a4_0;
    y[15] = a5_0;
    y[18] = a6_0;
    y[21] = a7_0;
}

/* 1 output step x 1 channel at a border */
static void pair_sums_depthwise_edge_1x1(const float *restrict x, const float *restrict w,
    float *restrict y, ptrdiff_t taps)
{
    float a0_0 = 0;
    float w0;

    /* the taps inside the input */
    for (ptrdiff_t k = 0; k < taps; ++k) {
        w0 = w[3 * k];
        a0_0 += x[3 * k] * w0;
    }
    y[0] = a0_0;
}

/* Outputs t to end - 1, too few for a tile. */
static void pair_sums_depthwise_border_1(const float *x, const float *w,
    float *y, ptrdiff_t t, ptrdiff_t end)
{
    while (t < end) {
        const float *from = x + 3 * t;
        pair_sums_depthwise_edge_1x1(from, w, y + 3 * t, 3);
        ++t;
    }
}

static void pair_sums_depthwise(const float *x, ptrdiff_t steps, const float *kernel, float *y)
{
    const ptrdiff_t outs = pair_sums_depthwise_out_steps(steps);
    /* outputs first to last - 1 have all their taps inside the input */
    ptrdiff_t first = 0, last = outs;

    if (last - first < 8) first = last = outs; /* too few for a tile: all go through the border */
    {
        const ptrdiff_t chunks = last > first ? (last - first + 7) / 8 : 0; /* of 8 outputs, the last one overlaps */

        for (ptrdiff_t j = 0; j < 3; ++j)
            pair_sums_depthwise_border_1(x + j, kernel + j, y + j, 0, first);
        for (ptrdiff_t chunk = 0; chunk < chunks; ++chunk) {
            const ptrdiff_t t = first + 8 * chunk, at = last - t < 8 ? last - 8 : t;
            for (ptrdiff_t j = 0; j < 3; ++j)
                pair_sums_depthwise_8x1(x + j + 3 * at, kernel + j, y + j + 3 * at);
        }
    }
}

/* Output rows of the rewritten problem for `steps` rows. */
static ptrdiff_t pair_sums_pointwise_out_steps(ptrdiff_t steps)
{
    const ptrdiff_t room = steps - 1;
    return steps > 0 && room >= 0 ? room + 1 : 0;
}

/* 2 output steps x 4 filters */
static void pair_sums_pointwise_2x4(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    float a0_0 = b[0], a0_1 = b[1], a0_2 = b[2], a0_3 = b[3];
    float a1_0 = a0_0, a1_1 = a0_1, a1_2 = a0_2, a1_3 = a0_3;
    float s, w0, w1, w2, w3;

    /* tap 0 x 3 channels */
    w0 = w[0]; w1 = w[1]; w2 = w[2]; w3 = w[3];
    s = x[0]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2; a0_3 += s * w3;
    s = x[3]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2; a1_3 += s * w3;
    w0 = w[4]; w1 = w[5]; w2 = w[6]; w3 = w[7];
    s = x[1]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2; a0_3 += s * w3;
    s = x[4]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2; a1_3 += s * w3;
    w0 = w[8]; w1 = w[9]; w2 = w[10]; w3 = w[11];
    s = x[2]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2; a0_3 += s * w3;
    s = x[5]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2; a1_3 += s * w3;
    y[0] = a0_0;
    y[1] = a0_1;
    y[2] = a0_2;
    y[3] = a0_3;
    y[4] = a1_0;
    y[5] = a1_1;
    y[6] = a1_2;
    y[7] = a1_3;
}

/* 1 output step x 4 filters at a border */
static void pair_sums_pointwise_edge_1x4(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y, ptrdiff_t taps)
{
    float a0_0 = b[0], a0_1 = b[1], a0_2 = b[2], a0_3 = b[3];
    float s, w0, w1, w2, w3;

    /* the taps inside the input */
    for (ptrdiff_t k = 0; k < taps; ++k)
        for (ptrdiff_t c = 0; c < 3; ++c) {
            w0 = w[12 * k + 4 * c]; w1 = w[12 * k + 4 * c + 1]; w2 = w[12 * k + 4 * c + 2];
                w3 = w[12 * k + 4 * c + 3];
            s = x[3 * k + c]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2; a0_3 += s * w3;
        }
    y[0] = a0_0;
    y[1] = a0_1;
    y[2] = a0_2;
    y[3] = a0_3;
}

/* Outputs t to end - 1, too few for a tile. */
static void pair_sums_pointwise_border_4(const float *x, const float *w,
    const float *b, float *y, ptrdiff_t t, ptrdiff_t end)
{
    while (t < end) {
        const float *from = x + 3 * t;
        pair_sums_pointwise_edge_1x4(from, w, b, y + 4 * t, 1);
        ++t;
    }
}

static void pair_sums_pointwise(const float *x, ptrdiff_t steps, const float *kernel, const float *bias, float *y)
{
    const ptrdiff_t outs = pair_sums_pointwise_out_steps(steps);
    /* outputs first to last - 1 have all their taps inside the input */
    ptrdiff_t first = 0, last = outs;

    if (last - first < 2) first = last = outs; /* too few for a tile: all go through the border */
    {
        /* chunks of 128 outputs, the last one longer */
        const ptrdiff_t chunks = last - first < 128 ? last > first : (last - first) / 128;

        pair_sums_pointwise_border_4(x, kernel, bias, y, 0, first);
        for (ptrdiff_t chunk = 0; chunk < chunks; ++chunk) {
            const ptrdiff_t from = first + 128 * chunk, to = chunk + 1 < chunks ? from + 128 : last;
            for (ptrdiff_t t = from; t < to; t += 2) {
                const ptrdiff_t at = last - t < 2 ? last - 2 : t; /* the last one overlaps */
                pair_sums_pointwise_2x4(x + 3 * at, kernel, bias, y + 4 * at);
            }
        }
    }
}

/* Samples at to at + count - 1, 3 channels; zeros outside the input. */
static void pair_sums_panel(const float *restrict x, ptrdiff_t steps, ptrdiff_t at, ptrdiff_t count,
    float *restrict panel)
{
    const ptrdiff_t before = at < 0 ? -at : 0, first = before < count ? before : count;
    const ptrdiff_t rest = steps - at < count ? steps - at : count, last = rest > first ? rest : first;

    for (ptrdiff_t i = 0; i < 3 * first; ++i)
        panel[i] = 0;
    for (ptrdiff_t i = 3 * first; i < 3 * last; ++i)
        panel[i] = x[3 * at + i];
    for (ptrdiff_t i = 3 * last; i < 3 * count; ++i)
        panel[i] = 0;
}

static void pair_sums(const float *x, ptrdiff_t steps, const float *depthwise_kernel, const float *pointwise_kernel,
    const float *bias, float *y, void *workspace)
{
    const ptrdiff_t outs = pair_sums_out_steps(steps);
    const ptrdiff_t left = 1;
    const ptrdiff_t chunks = (outs + 681) / 682;
    float *const panel = (float *)workspace; /* (684, 3): samples, channels */
    float *const between = panel + 2064; /* (682, 3): what the first stage makes of them */

    for (ptrdiff_t chunk = 0; chunk < chunks; ++chunk) {
        const ptrdiff_t from = 682 * chunk; /* the chunk's first output */
        const ptrdiff_t now = outs - from < 682 ? outs - from : 682;
        const ptrdiff_t at = from - left, count = now + 2; /* the samples that these read */
        const float *in = panel;

        if (at >= 0 && at + count <= steps)
            in = x + 3 * at;
        else
            pair_sums_panel(x, steps, at, count, panel);
        pair_sums_depthwise(in, count, depthwise_kernel, between);
        pair_sums_pointwise(between, now, pointwise_kernel, bias, y + 4 * from);
    }
}

/* softmax of a row: exp(y - most) over its sum, both times 2^64 until the end. */
static void pair_row(float *restrict y)
{
    v1 most1 = v1_load(y);

    for (ptrdiff_t f = 0; f < 4; ++f)
        most1 = v1_max(v1_load(y + f), most1);

    const v1 most = most1;

    v1 total1 = v1_set1(0.0f);

    for (ptrdiff_t f = 0; f < 4; ++f) {
        const v1 e1 = v1_softmax(v1_load(y + f) - v1_set1(most));
        v1_store(y + f, e1);
        total1 += e1;
    }

    const v1 share = 1.0f / total1;

    for (ptrdiff_t f = 0; f < 4; ++f)
        v1_store(y + f, v1_load(y + f) * v1_set1(share));
}

void pair(const float *x, ptrdiff_t steps, const float *depthwise_kernel, const float *pointwise_kernel,
    const float *bias, float *y, void *workspace)
{
    const ptrdiff_t outs = pair_out_steps(steps);
    ptrdiff_t t = 0;

    pair_sums(x, steps, depthwise_kernel, pointwise_kernel, bias, y, workspace);
    for (; t < outs; ++t)
        pair_row(y + 4 * t);
}
