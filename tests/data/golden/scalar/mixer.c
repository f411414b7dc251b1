/*
 * mixer: a depthwise_conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (20, 9)
 *     kernel_size = 4
 *     strides = 1
 *     padding = causal
 *     activation = silu
 *
 * computes   y[t, f] = silu(bias[f] + sum over k of kernel[k, 0, f] * x[t + k - 3, f])
 * algorithm  depthwise for scalar: tiles of 7 and 6 steps x 1 channel, 7 accumulators
 * work       720 multiply-adds a call
 * memory     180 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 2,100 bytes of code, about 56 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c mixer.c
 */
#include "mixer.h"

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

/* a < b ? a : b in each lane, so b where b is NaN; not for a = 0, which clang gives a sign of its own. */
static inline v1 v1_min(v1 a, v1 b)
{
    return a < b ? a : b;
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

/* silu(x) = t / (1 + exp(-t)) + (x - t), t = min(x, 32); 0 at -inf. */
static inline v1 v1_silu(v1 x)
{
    const v1 above = v1_max(v1_set1(-110.0f), x), t = v1_min(v1_set1(32.0f), above);
    const v1 unit = v1_set1(9.094947e-13f);
    v1 scale, m = v1_power(-t, v1_set1(1.2582999e+07f), &scale);
    const v1 sum = v1_fma(m, scale, unit);
    return v1_fma(t / sum, unit, above - t);
}

/* 7 output steps x 1 channel */
static void mixer_7x1_at0(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    float a0_0 = b[0];
    float a1_0 = a0_0;
    float a2_0 = a0_0;
    float a3_0 = a0_0;
    float a4_0 = a0_0;
    float a5_0 = a0_0;
    float a6_0 = a0_0;
    float s, w0, w1, w2, w3;

    /* taps 0 to 3, 7 samples, each loaded once */
    w0 = w[0]; w1 = w[9]; w2 = w[18]; w3 = w[27];
    s = x[0]; a0_0 += s * w3; a1_0 += s * w2; a2_0 += s * w1; a3_0 += s * w0;
    s = x[9]; a1_0 += s * w3; a2_0 += s * w2; a3_0 += s * w1; a4_0 += s * w0;
    s = x[18]; a2_0 += s * w3; a3_0 += s * w2; a4_0 += s * w1; a5_0 += s * w0;
    s = x[27]; a3_0 += s * w3; a4_0 += s * w2; a5_0 += s * w1; a6_0 += s * w0;
    s = x[36]; a4_0 += s * w3; a5_0 += s * w2; a6_0 += s * w1;
    s = x[45]; a5_0 += s * w3; a6_0 += s * w2;
    s = x[54]; a6_0 += s * w3;
    float sums[7]; /* for the activation, a vector at a time */
    sums[0] = a0_0;
    sums[1] = a1_0;
    sums[2] = a2_0;
    sums[3] = a3_0;
    sums[4] = a4_0;
    sums[5] = a5_0;
    sums[6] = a6_0;
    for (ptrdiff_t r = 0; r < 7; ++r) {
        y[9 * r] = v1_silu(sums[r]);
    }
}

/* 7 output steps x 1 channel */
static void mixer_7x1(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    float a0_0 = b[0];
    float a1_0 = a0_0;
    float a2_0 = a0_0;
    float a3_0 = a0_0;
    float a4_0 = a0_0;
    float a5_0 = a0_0;
    float a6_0 = a0_0;
    float s, w0, w1, w2, w3;

    /* taps 0 to 3, 10 samples, each loaded once */
    w0 = w[0]; w1 = w[9]; w2 = w[18]; w3 = w[27];
    s = x[0]; a0_0 += s * w0;
    s = x[9]; a0_0 += s * w1; a1_0 += s * w0;
    s = x[18]; a0_0 += s * w2; a1_0 += s * w1; a2_0 += s * w0;
    s = x[27]; a0_0 += s * w3; a1_0 += s * w2; a2_0 += s * w1; a3_0 += s * w0;
    s = x[36]; a1_0 += s * w3; a2_0 += s * w2; a3_0 += s * w1; a4_0 += s * w0;
    s = x[45]; a2_0 += s * w3; a3_0 += s * w2; a4_0 += s * w1; a5_0 += s * w0;
    s = x[54]; a3_0 += s * w3; a4_0 += s * w2; a5_0 += s * w1; a6_0 += s * w0;
    s = x[63]; a4_0 += s * w3; a5_0 += s * w2; a6_0 += s * w1;
    s = x[72]; a5_0 += s * w3; a6_0 += s * w2;
    s = x[81]; a6_0 += s * w3;
    float sums[7]; /* for the activation, a vector at a time */
    sums[0] = a0_0;
    sums[1] = a1_0;
    sums[2] = a2_0;
    sums[3] = a3_0;
    sums[4] = a4_0;
    sums[5] = a5_0;
    sums[6] = a6_0;
    for (ptrdiff_t r = 0; r < 7; ++r) {
        y[9 * r] = v1_silu(sums[r]);
    }
}

/* 6 output steps x 1 channel */
static void mixer_6x1(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    float a0_0 = b[0];
    float a1_0 = a0_0;
    float a2_0 = a0_0;
    float a3_0 = a0_0;
    float a4_0 = a0_0;
    float a5_0 = a0_0;
    float s, w0, w1, w2, w3;

    /* taps 0 to 3, 9 samples, each loaded once */
    w0 = w[0]; w1 = w[9]; w2 = w[18]; w3 = w[27];
    s = x[0]; a0_0 += s * w0;
    s = x[9]; a0_0 += s * w1; a1_0 += s * w0;
    s = x[18]; a0_0 += s * w2; a1_0 += s * w1; a2_0 += s * w0;
    s = x[27]; a0_0 += s * w3; a1_0 += s * w2; a2_0 += s * w1; a3_0 += s * w0;
    s = x[36]; a1_0 += s * w3; a2_0 += s * w2; a3_0 += s * w1; a4_0 += s * w0;
    s = x[45]; a2_0 += s * w3; a3_0 += s * w2; a4_0 += s * w1; a5_0 += s * w0;
    s = x[54]; a3_0 += s * w3; a4_0 += s * w2; a5_0 += s * w1;
    s = x[63]; a4_0 += s * w3; a5_0 += s * w2;
    s = x[72]; a5_0 += s * w3;
    float sums[6]; /* for the activation, a vector at a time */
    sums[0] = a0_0;
    sums[1] = a1_0;
    sums[2] = a2_0;
    sums[3] = a3_0;
    sums[4] = a4_0;
    sums[5] = a5_0;
    for (ptrdiff_t r = 0; r < 6; ++r) {
        y[9 * r] = v1_silu(sums[r]);
    }
}

void mixer(const float *x, const float *kernel, const float *bias, float *y)
{
    /* outputs 0 to 6: 1 tile of 7 */
    for (ptrdiff_t j = 0; j < 9; ++j)
        mixer_7x1_at0(x + j, kernel + j, bias + j, y + j);
    /* outputs 7 to 13: 1 tile of 7 */
    for (ptrdiff_t j = 0; j < 9; ++j)
        mixer_7x1(x + j + 36, kernel + j, bias + j, y + j + 63);
    /* outputs 14 to 19: 1 tile of 6 */
    for (ptrdiff_t j = 0; j < 9; ++j)
        mixer_6x1(x + j + 99, kernel + j, bias + j, y + j + 126);
}
