/*
 * strided: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (None, 2)
 *     kernel_size = 4
 *     strides = 2
 *     padding = same
 *     activation = tanh
 *     filters = 6
 *
 * computes   y[t, f] = tanh(bias[f] + sum over k, c of kernel[k, c, f] * x[2*t + k - left, c])
 * algorithm  direct_filters for scalar: tiles of 4 steps x 2 filters, 8 accumulators
 * work       48 multiply-adds an output step
 * memory     216 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 2,700 bytes of code, about 160 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c strided.c
 */
#include "strided.h"

typedef float v1; /* one number, under the names of the vectors */
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
#define v1_abs(x) v1_number(v1_bits(x) & 0x7fffffffu)
#define v1_copysign(x, s) v1_number((v1_bits(x) & 0x7fffffffu) | (v1_bits(s) & 0x80000000u))

/* a < b ? a : b in each lane, so b where b is NaN; not for a = 0, which clang gives a sign of its own. */
static inline v1 v1_min(v1 a, v1 b)
{
    return a < b ? a : b;
}

/* exp(y) = (1 + p) 2^n for y in [-131, 0]: returns p, and 2^(n + 64) in *scale.
   y = n ln 2 + r, |r| <= ln 2 / 2; p = r + r^2 q(r), q minimax (Remez), relative error of p 2^-28.8. */
static inline v1 v1_exp_parts(v1 y, v1 *scale)
{
    /* y log2(e) + 1.2583103e+07f: rounded to n, and the last bits are the exponent of *scale */
    const v1 shifted = v1_fma(y, v1_set1(1.442695f), v1_set1(1.2583103e+07f));
    const v1 n = shifted - v1_set1(1.2583103e+07f);
    const v1 rest = v1_fma(n, v1_set1(-0.6933594f), y);
    const v1 r = v1_fma(n, v1_set1(0.00021219444f), rest);
    v1 q = v1_set1(0.00019845598f);
    q = v1_fma(q, r, v1_set1(0.0013940623f));
    q = v1_fma(q, r, v1_set1(0.00833339f));
    q = v1_fma(q, r, v1_set1(0.041666362f));
    q = v1_fma(q, r, v1_set1(0.16666666f));
    q = v1_fma(q, r, v1_set1(0.5f));
    *scale = v1_number(v1_bits(shifted) << 23);
    return v1_fma(r * r, q, r);
}

/* tanh |x| = -e / (e + 2), e = exp(-2 |x|) - 1, which loses no digits at small x; all times 2^64. */
static inline v1 v1_tanh(v1 x)
{
    const v1 t = v1_min(v1_set1(10.0f), v1_abs(x));
    v1 scale, p = v1_exp_parts(-2.0f * t, &scale);
    const v1 e = v1_fma(scale, p, scale - 1.8446744e+19f);
    return v1_copysign(e / (e + 3.689349e+19f), x);
}

/* 4 output steps x 2 filters */
static void strided_4x2(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    float a0_0 = b[0], a0_1 = b[1];
    float a1_0 = a0_0, a1_1 = a0_1;
    float a2_0 = a0_0, a2_1 = a0_1;
    float a3_0 = a0_0, a3_1 = a0_1;
    float s, w0, w1;

    /* tap 0 x 2 channels */
    w0 = w[0]; w1 = w[1];
    s = x[0]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[4]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[8]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[12]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[6]; w1 = w[7];
    s = x[1]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[5]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[9]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[13]; a3_0 += s * w0; a3_1 += s * w1;
    /* tap 1 x 2 channels */
    w0 = w[12]; w1 = w[13];
    s = x[2]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[6]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[10]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[14]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[18]; w1 = w[19];
    s = x[3]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[7]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[11]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[15]; a3_0 += s * w0; a3_1 += s * w1;
    /* tap 2 x 2 channels */
    w0 = w[24]; w1 = w[25];
    s = x[4]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[8]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[12]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[16]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[30]; w1 = w[31];
    s = x[5]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[9]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[13]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[17]; a3_0 += s * w0; a3_1 += s * w1;
    /* tap 3 x 2 channels */
    w0 = w[36]; w1 = w[37];
    s = x[6]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[10]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[14]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[18]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[42]; w1 = w[43];
    s = x[7]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[11]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[15]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[19]; a3_0 += s * w0; a3_1 += s * w1;
    float sums[8]; /* for the activation, a vector at a time */
    sums[0] = a0_0;
    sums[1] = a0_1;
    sums[2] = a1_0;
    sums[3] = a1_1;
    sums[4] = a2_0;
    sums[5] = a2_1;
    sums[6] = a3_0;
    sums[7] = a3_1;
    for (ptrdiff_t r = 0; r < 4; ++r) {
        y[6 * r] = v1_tanh(sums[2 * r]);
        y[6 * r + 1] = v1_tanh(sums[2 * r + 1]);
    }
}

/* 1 output step x 2 filters at a border */
static void strided_edge_1x2(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y, ptrdiff_t taps)
{
    float a0_0 = b[0], a0_1 = b[1];
    float s, w0, w1;

    /* the taps inside the input */
    for (ptrdiff_t k = 0; k < taps; ++k)
        for (ptrdiff_t c = 0; c < 2; ++c) {
            w0 = w[12 * k + 6 * c]; w1 = w[12 * k + 6 * c + 1];
            s = x[2 * k + c]; a0_0 += s * w0; a0_1 += s * w1;
        }
    float sums[2]; /* for the activation, a vector at a time */
    sums[0] = a0_0;
    sums[1] = a0_1;
    y[0] = v1_tanh(sums[0]);
    y[1] = v1_tanh(sums[1]);
}

/* Outputs t to end - 1, where taps may lie outside the input: those are skipped. */
static void strided_border_2(const float *x, ptrdiff_t steps, ptrdiff_t left, const float *w,
    const float *b, float *y, ptrdiff_t t, ptrdiff_t end)
{
    while (t < end) {
        const ptrdiff_t at = 2 * t - left; /* the sample of tap 0 */
        const ptrdiff_t first = at < 0 ? -at : 0;
        const ptrdiff_t fit = at < steps ? steps - at : 0;
        const ptrdiff_t last = fit < 4 ? fit : 4;
        const ptrdiff_t taps = last > first ? last - first : 0;
        const float *from = taps > 0 ? x + 2 * (at + first) : x;
        const float *weights = taps > 0 ? w + 12 * first : w;
        strided_edge_1x2(from, weights, b, y + 6 * t, taps);
        ++t;
    }
}

void strided(const float *x, ptrdiff_t steps, const float *kernel, const float *bias, float *y)
{
    const ptrdiff_t outs = strided_out_steps(steps);
    const ptrdiff_t left = steps > 0 ? (3 - (steps - 1) % 2) / 2 : 0;
    /* outputs first to last - 1 have all their taps inside the input */
    ptrdiff_t first = (left + 1) / 2, last = steps + left < 4 ? 0 : (steps + left - 4) / 2 + 1;

    if (last > outs) last = outs;
    if (last - first < 4) first = last = outs; /* too few for a tile: all go through the border */
    {
        /* chunks of 128 outputs, the last one longer */
        const ptrdiff_t chunks = last - first < 128 ? last > first : (last - first) / 128;

        for (ptrdiff_t j = 0; j < 3; ++j)
            strided_border_2(x, steps, left, kernel + 2 * j, bias + 2 * j, y + 2 * j, 0, first);
        for (ptrdiff_t chunk = 0; chunk < chunks; ++chunk) {
            const ptrdiff_t from = first + 128 * chunk, to = chunk + 1 < chunks ? from + 128 : last;
            for (ptrdiff_t j = 0; j < 3; ++j)
                for (ptrdiff_t t = from; t < to; t += 4) {
                    const ptrdiff_t at = last - t < 4 ? last - 4 : t; /* the last one overlaps */
                    strided_4x2(x + 2 * (2 * at - left), kernel + 2 * j, bias + 2 * j, y + 2 * j + 6 * at);
                }
        }
        for (ptrdiff_t j = 0; j < 3; ++j)
            strided_border_2(x, steps, left, kernel + 2 * j, bias + 2 * j, y + 2 * j, last, outs);
    }
}
