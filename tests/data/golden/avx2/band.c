/*
 * band: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (64, 1)
 *     kernel_size = 5
 *     strides = 1
 *     padding = same
 *     activation = linear
 *     use_bias = False
 *     filters = 1
 *
 * computes   y[t, f] = sum over k of kernel[k, 0, f] * x[t + k - 2, 0]
 * algorithm  direct_steps for avx2: tiles of 1 filter x 32 steps, 4 accumulator vectors of 8
 * work       320 multiply-adds a call
 * memory     20 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 540 bytes of code, about 72 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -mavx2 -mfma -c band.c
 */
#include "band.h"

#if !defined(__AVX2__) || !defined(__FMA__)
#error "written for avx2: needs -mavx2 -mfma"
#endif

/* vN: N floats in one register; vN_any: the same in memory, aligned as one of them. Arguments are read once. */
typedef float v8 __attribute__((vector_size(8 * sizeof(float))));
typedef float v8_any __attribute__((vector_size(8 * sizeof(float)), aligned(sizeof(float)), may_alias));
#define v8_load(p) (*(const v8_any *)(p))
#define v8_store(p, v) ((void)(*(v8_any *)(p) = (v)))
#define v8_set1(s) ((s) - (v8){0}) /* s - 0 is s, for -0 and NaN too */
typedef float v1; /* one number, under the names of the vectors */
#define v1_load(p) (*(p))
#define v1_store(p, v) ((void)(*(p) = (v)))
#define v1_set1(s) (s)

/* vN_fma(a, b, c) = a * b + c with one rounding. */
#if defined(__clang__) && __clang_major__ >= 16
#define v8_fma(a, b, c) __builtin_elementwise_fma((a), (b), (c))
#else
#define v8_fma(a, b, c) __builtin_ia32_vfmaddps256((a), (b), (c))
#endif
#define v1_fma(a, b, c) __builtin_fmaf((a), (b), (c))

/* The compiler moves no load or store across this line. */
#define hold() __asm__ volatile("" ::: "memory")

/* 1 filter x 32 output steps */
static void band_1x32(const float *restrict x, const float *restrict w,
    float *restrict y)
{
    v8 a0_0 = v8_set1(0), a0_1 = v8_set1(0), a0_2 = v8_set1(0), a0_3 = v8_set1(0);
    v8 s, x0, x1, x2, x3;

    /* 5 taps x 1 channel */
    x0 = v8_load(x); x1 = v8_load(x + 8); x2 = v8_load(x + 16); x3 = v8_load(x + 24);
    hold();
    s = v8_set1(w[0]); a0_0 = v8_fma(s, x0, a0_0); a0_1 = v8_fma(s, x1, a0_1); a0_2 = v8_fma(s, x2, a0_2);
        a0_3 = v8_fma(s, x3, a0_3);
    x0 = v8_load(x + 1); x1 = v8_load(x + 9); x2 = v8_load(x + 17); x3 = v8_load(x + 25);
    hold();
    s = v8_set1(w[1]); a0_0 = v8_fma(s, x0, a0_0); a0_1 = v8_fma(s, x1, a0_1); a0_2 = v8_fma(s, x2, a0_2);
        a0_3 = v8_fma(s, x3, a0_3);
    x0 = v8_load(x + 2); x1 = v8_load(x + 10); x2 = v8_load(x + 18); x3 = v8_load(x + 26);
    hold();
    s = v8_set1(w[2]); a0_0 = v8_fma(s, x0, a0_0); a0_1 = v8_fma(s, x1, a0_1); a0_2 = v8_fma(s, x2, a0_2);
        a0_3 = v8_fma(s, x3, a0_3);
    x0 = v8_load(x + 3); x1 = v8_load(x + 11); x2 = v8_load(x + 19); x3 = v8_load(x + 27);
    hold();
    s = v8_set1(w[3]); a0_0 = v8_fma(s, x0, a0_0); a0_1 = v8_fma(s, x1, a0_1); a0_2 = v8_fma(s, x2, a0_2);
        a0_3 = v8_fma(s, x3, a0_3);
    x0 = v8_load(x + 4); x1 = v8_load(x + 12); x2 = v8_load(x + 20); x3 = v8_load(x + 28);
    hold();
    s = v8_set1(w[4]); a0_0 = v8_fma(s, x0, a0_0); a0_1 = v8_fma(s, x1, a0_1); a0_2 = v8_fma(s, x2, a0_2);
        a0_3 = v8_fma(s, x3, a0_3);
    v8_store(y, a0_0);
    v8_store(y + 8, a0_1);
    v8_store(y + 16, a0_2);
    v8_store(y + 24, a0_3);
}

/* 1 filter x 1 output step at a border */
static void band_edge_1x1(const float *restrict x, const float *restrict w,
    float *restrict y, ptrdiff_t taps)
{
    v1 a0_0 = v1_set1(0);
    v1 s, x0;

    /* the taps inside the input */
    for (ptrdiff_t k = 0; k < taps; ++k) {
        x0 = v1_load(x + k);
        hold();
        s = v1_set1(w[k]); a0_0 = v1_fma(s, x0, a0_0);
    }
    v1_store(y, a0_0);
}

/* Outputs t to end - 1, where taps may lie outside the input: those are skipped. */
static void band_border(const float *x, const float *w,
    float *y, ptrdiff_t t, ptrdiff_t end)
{
    while (t < end) {
        const ptrdiff_t at = t - 2; /* the sample of tap 0 */
        const ptrdiff_t first = at < 0 ? -at : 0;
        const ptrdiff_t fit = at < 64 ? 64 - at : 0;
        const ptrdiff_t last = fit < 5 ? fit : 5;
        const ptrdiff_t taps = last > first ? last - first : 0;
        const float *from = taps > 0 ? x + (at + first) : x;
        const float *weights = taps > 0 ? w + first : w;
        band_edge_1x1(from, weights, y + t, taps);
        ++t;
    }
}

void band(const float *x, const float *kernel, float *y)
{
    band_border(x, kernel, y, 0, 2);
    for (ptrdiff_t t = 2; t < 62; t += 32) {
        const ptrdiff_t at = 62 - t < 32 ? 30 : t; /* the last one overlaps */
        band_1x32(x + (at - 2), kernel, y + at);
    }
    band_border(x, kernel, y, 62, 64);
}
