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
 * algorithm  depthwise for neon: tiles of 10 steps x 4 channels, 10 accumulator vectors of 4
 * work       720 multiply-adds a call
 * memory     180 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 1,500 bytes of code, about 220 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c mixer.c
 */
#include "mixer.h"

#if !defined(__ARM_NEON) || !defined(__aarch64__)
#error "written for neon: needs __ARM_NEON __aarch64__"
#endif

#include <arm_neon.h>

/* vN: N floats in one register; vN_any: the same in memory, aligned as one of them. Arguments are read once. */
typedef float v4 __attribute__((vector_size(4 * sizeof(float))));
typedef float v4_any __attribute__((vector_size(4 * sizeof(float)), aligned(sizeof(float)), may_alias));
#define v4_load(p) (*(const v4_any *)(p))
#define v4_store(p, v) ((void)(*(v4_any *)(p) = (v)))
#define v4_set1(s) ((s) - (v4){0}) /* s - 0 is s, for -0 and NaN too */

/* vN_fma(a, b, c) = a * b + c with one rounding. */
#define v4_fma(a, b, c) vfmaq_f32((c), (a), (b))

#include <stdint.h>

/* vNu: the bits of a vN, as unsigned integers. */
typedef uint32_t v4u __attribute__((vector_size(4 * sizeof(uint32_t))));
#define v4_bits(x) ((v4u)(x))
#define v4_number(u) ((v4)(u))

/* a < b ? a : b in each lane, so b where b is NaN; not for a = 0, which clang gives a sign of its own. */
static inline v4 v4_min(v4 a, v4 b)
{
    const v4u yes = (v4u)(a < b);
    return v4_number((yes & v4_bits(a)) | (~yes & v4_bits(b)));
}

/* a > b ? a : b in each lane, so b where b is NaN; not for a = 0, which clang gives a sign of its own. */
static inline v4 v4_max(v4 a, v4 b)
{
    const v4u yes = (v4u)(a > b);
    return v4_number((yes & v4_bits(a)) | (~yes & v4_bits(b)));
}

/* exp(y) = m 2^n: returns m, 0.7 < m < 1.42, and 2^(n + bias) in *scale, for magic = 1.2583039e+07f + bias.
   y = n ln 2 + r, |r| <= ln 2 / 2; m = 1 + r + r^2 q(r), q minimax (Remez), relative error of m 2^-28.8. */
static inline v4 v4_power(v4 y, v4 magic, v4 *scale)
{
    /* y log2(e) + magic: rounded to n, and the last bits are the exponent of *scale */
    const v4 shifted = v4_fma(y, v4_set1(1.442695f), magic);
    const v4 n = shifted - magic;
    const v4 rest = v4_fma(n, v4_set1(-0.6933594f), y);
    const v4 r = v4_fma(n, v4_set1(0.00021219444f), rest);
    v4 q = v4_set1(0.00019845598f);
    q = v4_fma(q, r, v4_set1(0.0013940623f));
    q = v4_fma(q, r, v4_set1(0.00833339f));
    q = v4_fma(q, r, v4_set1(0.041666362f));
    q = v4_fma(q, r, v4_set1(0.16666666f));
    q = v4_fma(q, r, v4_set1(0.5f));
    *scale = v4_number(v4_bits(shifted) << 23);
    return v4_fma(v4_fma(q, r, v4_set1(1.0f)), r, v4_set1(1.0f));
}

/* silu(x) = t / (1 + exp(-t)) + (x - t), t = min(x, 32); 0 at -inf. */
static inline v4 v4_silu(v4 x)
{
    const v4 above = v4_max(v4_set1(-110.0f), x), t = v4_min(v4_set1(32.0f), above);
    const v4 unit = v4_set1(9.094947e-13f);
    v4 scale, m = v4_power(-t, v4_set1(1.2582999e+07f), &scale);
    const v4 sum = v4_fma(m, scale, unit);
    return v4_fma(t / sum, unit, above - t);
}

/* 10 output steps x 4 channels */
static void mixer_10x4_at0(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    v4 a0_0 = v4_load(b);
    v4 a1_0 = a0_0;
    v4 a2_0 = a0_0;
    v4 a3_0 = a0_0;
    v4 a4_0 = a0_0;
    v4 a5_0 = a0_0;
    v4 a6_0 = a0_0;
    v4 a7_0 = a0_0;
    v4 a8_0 = a0_0;
    v4 a9_0 = a0_0;
    v4 s, w0, w1, w2, w3;

    /* taps 0 to 3, 10 samples, each loaded once */
    w0 = v4_load(w); w1 = v4_load(w + 9); w2 = v4_load(w + 18); w3 = v4_load(w + 27);
    s = v4_load(x); a0_0 = v4_fma(s, w3, a0_0); a1_0 = v4_fma(s, w2, a1_0); a2_0 = v4_fma(s, w1, a2_0);
        a3_0 = v4_fma(s, w0, a3_0);
    s = v4_load(x + 9); a1_0 = v4_fma(s, w3, a1_0); a2_0 = v4_fma(s, w2, a2_0); a3_0 = v4_fma(s, w1, a3_0);
        a4_0 = v4_fma(s, w0, a4_0);
    s = v4_load(x + 18); a2_0 = v4_fma(s, w3, a2_0); a3_0 = v4_fma(s, w2, a3_0); a4_0 = v4_fma(s, w1, a4_0);
        a5_0 = v4_fma(s, w0, a5_0);
    s = v4_load(x + 27); a3_0 = v4_fma(s, w3, a3_0); a4_0 = v4_fma(s, w2, a4_0); a5_0 = v4_fma(s, w1, a5_0);
        a6_0 = v4_fma(s, w0, a6_0);
    s = v4_load(x + 36); a4_0 = v4_fma(s, w3, a4_0); a5_0 = v4_fma(s, w2, a5_0); a6_0 = v4_fma(s, w1, a6_0);
        a7_0 = v4_fma(s, w0, a7_0);
    s = v4_load(x + 45); a5_0 = v4_fma(s, w3, a5_0); a6_0 = v4_fma(s, w2, a6_0); a7_0 = v4_fma(s, w1, a7_0);
        a8_0 = v4_fma(s, w0, a8_0);
    s = v4_load(x + 54); a6_0 = v4_fma(s, w3, a6_0); a7_0 = v4_fma(s, w2, a7_0); a8_0 = v4_fma(s, w1, a8_0);
        a9_0 = v4_fma(s, w0, a9_0);
    s = v4_load(x + 63); a7_0 = v4_fma(s, w3, a7_0); a8_0 = v4_fma(s, w2, a8_0); a9_0 = v4_fma(s, w1, a9_0);
    s = v4_load(x + 72); a8_0 = v4_fma(s, w3, a8_0); a9_0 = v4_fma(s, w2, a9_0);
    s = v4_load(x + 81); a9_0 = v4_fma(s, w3, a9_0);
    float sums[40]; /* for the activation, a vector at a time */
    v4_store(sums, a0_0);
    v4_store(sums + 4, a1_0);
    v4_store(sums + 8, a2_0);
    v4_store(sums + 12, a3_0);
    v4_store(sums + 16, a4_0);
    v4_store(sums + 20, a5_0);
    v4_store(sums + 24, a6_0);
    v4_store(sums + 28, a7_0);
    v4_store(sums + 32, a8_0);
    v4_store(sums + 36, a9_0);
    for (ptrdiff_t r = 0; r < 10; ++r) {
        v4_store(y + 9 * r, v4_silu(v4_load(sums + 4 * r)));
    }
}

/* 10 output steps x 4 channels */
static void mixer_10x4(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    v4 a0_0 = v4_load(b);
    v4 a1_0 = a0_0;
    v4 a2_0 = a0_0;
    v4 a3_0 = a0_0;
    v4 a4_0 = a0_0;
    v4 a5_0 = a0_0;
    v4 a6_0 = a0_0;
    v4 a7_0 = a0_0;
    v4 a8_0 = a0_0;
    v4 a9_0 = a0_0;
    v4 s, w0, w1, w2, w3;

    /* taps 0 to 3, 13 samples, each loaded once */
    w0 = v4_load(w); w1 = v4_load(w + 9); w2 = v4_load(w + 18); w3 = v4_load(w + 27);
    s = v4_load(x); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_load(x + 9); a0_0 = v4_fma(s, w1, a0_0); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_load(x + 18); a0_0 = v4_fma(s, w2, a0_0); a1_0 = v4_fma(s, w1, a1_0); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_load(x + 27); a0_0 = v4_fma(s, w3, a0_0); a1_0 = v4_fma(s, w2, a1_0); a2_0 = v4_fma(s, w1, a2_0);
        a3_0 = v4_fma(s, w0, a3_0);
    s = v4_load(x + 36); a1_0 = v4_fma(s, w3, a1_0); a2_0 = v4_fma(s, w2, a2_0); a3_0 = v4_fma(s, w1, a3_0);
        a4_0 = v4_fma(s, w0, a4_0);
    s = v4_load(x + 45); a2_0 = v4_fma(s, w3, a2_0); a3_0 = v4_fma(s, w2, a3_0); a4_0 = v4_fma(s, w1, a4_0);
        a5_0 = v4_fma(s, w0, a5_0);
    s = v4_load(x + 54); a3_0 = v4_fma(s, w3, a3_0); a4_0 = v4_fma(s, w2, a4_0); a5_0 = v4_fma(s, w1, a5_0);
        a6_0 = v4_fma(s, w0, a6_0);
    s = v4_load(x + 63); a4_0 = v4_fma(s, w3, a4_0); a5_0 = v4_fma(s, w2, a5_0); a6_0 = v4_fma(s, w1, a6_0);
        a7_0 = v4_fma(s, w0, a7_0);
    s = v4_load(x + 72); a5_0 = v4_fma(s, w3, a5_0); a6_0 = v4_fma(s, w2, a6_0); a7_0 = v4_fma(s, w1, a7_0);
        a8_0 = v4_fma(s, w0, a8_0);
    s = v4_load(x + 81); a6_0 = v4_fma(s, w3, a6_0); a7_0 = v4_fma(s, w2, a7_0); a8_0 = v4_fma(s, w1, a8_0);
        a9_0 = v4_fma(s, w0, a9_0);
    s = v4_load(x + 90); a7_0 = v4_fma(s, w3, a7_0); a8_0 = v4_fma(s, w2, a8_0); a9_0 = v4_fma(s, w1, a9_0);
    s = v4_load(x + 99); a8_0 = v4_fma(s, w3, a8_0); a9_0 = v4_fma(s, w2, a9_0);
    s = v4_load(x + 108); a9_0 = v4_fma(s, w3, a9_0);
    float sums[40]; /* for the activation, a vector at a time */
    v4_store(sums, a0_0);
    v4_store(sums + 4, a1_0);
    v4_store(sums + 8, a2_0);
    v4_store(sums + 12, a3_0);
    v4_store(sums + 16, a4_0);
    v4_store(sums + 20, a5_0);
    v4_store(sums + 24, a6_0);
    v4_store(sums + 28, a7_0);
    v4_store(sums + 32, a8_0);
    v4_store(sums + 36, a9_0);
    for (ptrdiff_t r = 0; r < 10; ++r) {
        v4_store(y + 9 * r, v4_silu(v4_load(sums + 4 * r)));
    }
}

void mixer(const float *x, const float *kernel, const float *bias, float *y)
{
    /* outputs 0 to 9: 1 tile of 10 */
    for (ptrdiff_t j = 0; j < 3; ++j)
        mixer_10x4_at0(x + (j < 2 ? 4 * j : 5), kernel + (j < 2 ? 4 * j : 5), bias + (j < 2 ? 4 * j : 5),
            y + (j < 2 ? 4 * j : 5));
    /* outputs 10 to 19: 1 tile of 10 */
    for (ptrdiff_t j = 0; j < 3; ++j)
        mixer_10x4(x + (j < 2 ? 4 * j : 5) + 63, kernel + (j < 2 ? 4 * j : 5), bias + (j < 2 ? 4 * j : 5),
            y + (j < 2 ? 4 * j : 5) + 90);
}
