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
 * computes   y[t, f] = sum over k, c of kernel[k, c, f] * x[t + k - 2, c]
 * algorithm  direct_steps for avx2: tiles of 1 filter x 32 steps, 4 accumulators vectors of 8
 * work       320 multiply-adds a call
 * memory     20 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
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
#define v8_strided(p, step) /* 8 numbers, step apart */ \
    __extension__({ const float *p_ = (p); const ptrdiff_t s_ = (step); (v8){ \
        p_[0 * s_], p_[1 * s_], p_[2 * s_], p_[3 * s_], \
        p_[4 * s_], p_[5 * s_], p_[6 * s_], p_[7 * s_], \
    }; })
typedef float v1; /* one number, under the names of the vectors */
#define v1_load(p) (*(p))
#define v1_store(p, v) ((void)(*(p) = (v)))
#define v1_set1(s) (s)
#define v1_strided(p, step) ((void)(step), *(p))

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

/* 1 filters x 1 output step at a border */
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

/* 1 filters x 8 output steps at a border */
static void band_edge_1x8(const float *restrict x, const float *restrict w,
    float *restrict y, ptrdiff_t taps)
{
    v8 a0_0 = v8_set1(0);
    v8 s, x0;

    /* the taps inside the input */
    for (ptrdiff_t k = 0; k < taps; ++k) {
        x0 = v8_load(x + k);
        hold();
        s = v8_set1(w[k]); a0_0 = v8_fma(s, x0, a0_0);
    }
    v8_store(y, a0_0);
}

/* Outputs t to end - 1, where taps may lie outside the input: those are skipped. */
static void band_border(const float *x, ptrdiff_t steps, ptrdiff_t left, const float *w,
    float *y, ptrdiff_t t, ptrdiff_t end)
{
    while (t < end) {
        const ptrdiff_t at = t - left; /* the sample of tap 0 */
        const ptrdiff_t first = at < 0 ? -at : 0;
        const ptrdiff_t fit = at < steps ? steps - at : 0;
        const ptrdiff_t last = fit < 5 ? fit : 5;
        const ptrdiff_t taps = last > first ? last - first : 0;
        const float *from = taps > 0 ? x + at + first : x;
        const float *weights = taps > 0 ? w + 1 * first : w;
        const ptrdiff_t far = at + 7; /* the sample of the last one's tap 0 */
        const ptrdiff_t far_first = far < 0 ? -far : 0;
        const ptrdiff_t far_fit = far < steps ? steps - far : 0;

        if (t + 8 <= end && first == far_first && (fit == far_fit || far_fit >= 5)) {
            band_edge_1x8(from, weights, y + t, taps);
            t += 8;
            continue;
        }
        band_edge_1x1(from, weights, y + t, taps);
        ++t;
    }
}

void band(const float *x, const float *kernel, float *y)
{
    /* outputs first to last - 1 have all their taps inside the input */
    const ptrdiff_t outs = 64, first = 2, last = 62;
    /* chunks of 256 outputs, the last one longer */
    const ptrdiff_t chunks = outs < 256 ? outs > 0 : outs / 256;
    for (ptrdiff_t chunk = 0; chunk < chunks; ++chunk) {
        const ptrdiff_t from = 256 * chunk, to = chunk + 1 < chunks ? from + 256 : outs;
        const ptrdiff_t lo = first < from ? from : first < to ? first : to;
        const ptrdiff_t end = last > to ? to : last > lo ? last : lo;
        const ptrdiff_t hi = end - lo < 32 ? lo : end; /* too few for a tile: to the border */
        {
            const ptrdiff_t f = 0;
            band_border(x, 64, 2, kernel + f, y + f * outs, from, lo);
            for (ptrdiff_t t = lo; t < hi; t += 32) {
                const ptrdiff_t at = hi - t < 32 ? hi - 32 : t; /* the last one overlaps */
                band_1x32(x + at - 2, kernel + f, y + f * outs + at);
            }
            band_border(x, 64, 2, kernel + f, y + f * outs, hi, to);
        }
    }
}
