/*
 * turned: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (8, 40)
 *     kernel_size = 1
 *     strides = 1
 *     padding = valid
 *     data_format = channels_first
 *     activation = linear
 *     filters = 8
 *
 * computes   y[t, f] = bias[f] + sum over k, c of kernel[k, c, f] * x[t + k, c]
 * algorithm  relayout, 40 outputs at a time in channels_last: direct_filters for sse2: tiles of 6 and 5 steps x 8
 * filters, 12 accumulator vectors of 4
 * work       2,560 multiply-adds a call
 * memory     288 bytes of weights (arguments, as packed), 2,560 bytes of workspace, nothing allocated
 * size       about 3,300 bytes of code, about 64 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -msse2 -c turned.c
 */
#include "turned.h"

#if !defined(__SSE2__)
#error "written for sse2: needs -msse2"
#endif

/* vN: N floats in one register; vN_any: the same in memory, aligned as one of them. Arguments are read once. */
typedef float v4 __attribute__((vector_size(4 * sizeof(float))));
typedef float v4_any __attribute__((vector_size(4 * sizeof(float)), aligned(sizeof(float)), may_alias));
#define v4_load(p) (*(const v4_any *)(p))
#define v4_store(p, v) ((void)(*(v4_any *)(p) = (v)))
#define v4_set1(s) ((s) - (v4){0}) /* s - 0 is s, for -0 and NaN too */

/* vN_fma(a, b, c) = a * b + c, two roundings. */
#define v4_fma(a, b, c) ((a) * (b) + (c))

/* The compiler moves no load or store across this line. */
#define hold() __asm__ volatile("" ::: "memory")

/* 6 output steps x 8 filters */
static void turned_channels_last_6x8(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    v4 a0_0 = v4_load(b), a0_1 = v4_load(b + 4);
    v4 a1_0 = a0_0, a1_1 = a0_1;
    v4 a2_0 = a0_0, a2_1 = a0_1;
    v4 a3_0 = a0_0, a3_1 = a0_1;
    v4 a4_0 = a0_0, a4_1 = a0_1;
    v4 a5_0 = a0_0, a5_1 = a0_1;
    v4 s, w0, w1;

    /* tap 0 x 8 channels */
    w0 = v4_load(w); w1 = v4_load(w + 4);
    hold();
    s = v4_set1(x[0]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[8]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[16]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[24]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[32]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    s = v4_set1(x[40]); a5_0 = v4_fma(s, w0, a5_0); a5_1 = v4_fma(s, w1, a5_1);
    w0 = v4_load(w + 8); w1 = v4_load(w + 12);
    hold();
    s = v4_set1(x[1]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[9]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[17]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[25]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[33]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    s = v4_set1(x[41]); a5_0 = v4_fma(s, w0, a5_0); a5_1 = v4_fma(s, w1, a5_1);
    w0 = v4_load(w + 16); w1 = v4_load(w + 20);
    hold();
    s = v4_set1(x[2]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[10]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[18]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[26]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[34]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    s = v4_set1(x[42]); a5_0 = v4_fma(s, w0, a5_0); a5_1 = v4_fma(s, w1, a5_1);
    w0 = v4_load(w + 24); w1 = v4_load(w + 28);
    hold();
    s = v4_set1(x[3]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[11]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[19]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[27]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[35]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    s = v4_set1(x[43]); a5_0 = v4_fma(s, w0, a5_0); a5_1 = v4_fma(s, w1, a5_1);
    w0 = v4_load(w + 32); w1 = v4_load(w + 36);
    hold();
    s = v4_set1(x[4]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[12]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[20]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[28]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[36]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    s = v4_set1(x[44]); a5_0 = v4_fma(s, w0, a5_0); a5_1 = v4_fma(s, w1, a5_1);
    w0 = v4_load(w + 40); w1 = v4_load(w + 44);
    hold();
    s = v4_set1(x[5]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[13]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[21]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[29]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[37]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    s = v4_set1(x[45]); a5_0 = v4_fma(s, w0, a5_0); a5_1 = v4_fma(s, w1, a5_1);
    w0 = v4_load(w + 48); w1 = v4_load(w + 52);
    hold();
    s = v4_set1(x[6]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[14]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[22]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[30]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[38]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    s = v4_set1(x[46]); a5_0 = v4_fma(s, w0, a5_0); a5_1 = v4_fma(s, w1, a5_1);
    w0 = v4_load(w + 56); w1 = v4_load(w + 60);
    hold();
    s = v4_set1(x[7]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[15]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[23]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[31]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[39]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    s = v4_set1(x[47]); a5_0 = v4_fma(s, w0, a5_0); a5_1 = v4_fma(s, w1, a5_1);
    v4_store(y, a0_0);
    v4_store(y + 4, a0_1);
    v4_store(y + 8, a1_0);
    v4_store(y + 12, a1_1);
    v4_store(y + 16, a2_0);
    v4_store(y + 20, a2_1);
    v4_store(y + 24, a3_0);
    v4_store(y + 28, a3_1);
    v4_store(y + 32, a4_0);
    v4_store(y + 36, a4_1);
    v4_store(y + 40, a5_0);
    v4_store(y + 44, a5_1);
}

/* 5 output steps x 8 filters */
static void turned_channels_last_5x8(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    v4 a0_0 = v4_load(b), a0_1 = v4_load(b + 4);
    v4 a1_0 = a0_0, a1_1 = a0_1;
    v4 a2_0 = a0_0, a2_1 = a0_1;
    v4 a3_0 = a0_0, a3_1 = a0_1;
    v4 a4_0 = a0_0, a4_1 = a0_1;
    v4 s, w0, w1;

    /* tap 0 x 8 channels */
    w0 = v4_load(w); w1 = v4_load(w + 4);
    hold();
    s = v4_set1(x[0]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[8]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[16]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[24]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[32]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    w0 = v4_load(w + 8); w1 = v4_load(w + 12);
    hold();
    s = v4_set1(x[1]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[9]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[17]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[25]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[33]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    w0 = v4_load(w + 16); w1 = v4_load(w + 20);
    hold();
    s = v4_set1(x[2]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[10]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[18]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[26]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[34]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    w0 = v4_load(w + 24); w1 = v4_load(w + 28);
    hold();
    s = v4_set1(x[3]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[11]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[19]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[27]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[35]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    w0 = v4_load(w + 32); w1 = v4_load(w + 36);
    hold();
    s = v4_set1(x[4]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[12]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[20]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[28]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[36]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    w0 = v4_load(w + 40); w1 = v4_load(w + 44);
    hold();
    s = v4_set1(x[5]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[13]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[21]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[29]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[37]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    w0 = v4_load(w + 48); w1 = v4_load(w + 52);
    hold();
    s = v4_set1(x[6]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[14]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[22]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[30]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[38]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    w0 = v4_load(w + 56); w1 = v4_load(w + 60);
    hold();
    s = v4_set1(x[7]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
    s = v4_set1(x[15]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
    s = v4_set1(x[23]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
    s = v4_set1(x[31]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
    s = v4_set1(x[39]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    v4_store(y, a0_0);
    v4_store(y + 4, a0_1);
    v4_store(y + 8, a1_0);
    v4_store(y + 12, a1_1);
    v4_store(y + 16, a2_0);
    v4_store(y + 20, a2_1);
    v4_store(y + 24, a3_0);
    v4_store(y + 28, a3_1);
    v4_store(y + 32, a4_0);
    v4_store(y + 36, a4_1);
}

static void turned_channels_last(const float *x, const float *kernel, const float *bias, float *y)
{
    /* outputs 0 to 29: 5 tiles of 6 */
    for (ptrdiff_t t = 0; t < 5; ++t)
        turned_channels_last_6x8(x + 48 * t, kernel, bias, y + 48 * t);
    /* outputs 30 to 39: 2 tiles of 5 */
    for (ptrdiff_t t = 0; t < 2; ++t)
        turned_channels_last_5x8(x + 40 * t + 240, kernel, bias, y + 40 * t + 240);
}

#if defined(__clang__) || __GNUC__ >= 12
#define v4_pick(a, b, ...) __builtin_shufflevector((a), (b), __VA_ARGS__)
#else
typedef int v4_order __attribute__((vector_size(4 * sizeof(int))));
#define v4_pick(a, b, ...) __builtin_shuffle((a), (b), (v4_order){__VA_ARGS__})
#endif

/* 4 rows of 4 numbers, `step` apart, become columns. */
static void turned_turn_4(const float *restrict from, ptrdiff_t step, float *restrict to, ptrdiff_t to_step)
{
    const v4 a0 = v4_load(from);
    const v4 a1 = v4_load(from + step);
    const v4 a2 = v4_load(from + 2 * step);
    const v4 a3 = v4_load(from + 3 * step);
    const v4 b0 = v4_pick(a0, a1, 0, 4, 1, 5);
    const v4 b1 = v4_pick(a0, a1, 2, 6, 3, 7);
    const v4 b2 = v4_pick(a2, a3, 0, 4, 1, 5);
    const v4 b3 = v4_pick(a2, a3, 2, 6, 3, 7);
    const v4 c0 = v4_pick(b0, b2, 0, 1, 4, 5);
    const v4 c2 = v4_pick(b0, b2, 2, 3, 6, 7);
    const v4 c1 = v4_pick(b1, b3, 0, 1, 4, 5);
    const v4 c3 = v4_pick(b1, b3, 2, 3, 6, 7);
    v4_store(to, c0);
    v4_store(to + to_step, c2);
    v4_store(to + 2 * to_step, c1);
    v4_store(to + 3 * to_step, c3);
}

/* `count` neighbouring samples of each channel become rows of all channels. */
static void turned_rows(const float *restrict x, ptrdiff_t steps, ptrdiff_t count, float *restrict rows)
{
    for (ptrdiff_t c = 0; c < 8; c += 4)
        for (ptrdiff_t i = 0; i < count; i += 4) {
            const ptrdiff_t t = count - i < 4 ? count - 4 : i; /* the last one overlaps */

            turned_turn_4(x + (steps * c + t), steps, rows + (8 * t + c), 8);
        }
}

/* Rows of all filters become `count` neighbouring outputs of each filter. */
static void turned_columns(const float *restrict rows, ptrdiff_t count, float *restrict y, ptrdiff_t outs)
{
    for (ptrdiff_t f = 0; f < 8; f += 4)
        for (ptrdiff_t i = 0; i < count; i += 4) {
            const ptrdiff_t t = count - i < 4 ? count - 4 : i; /* the last one overlaps */

            turned_turn_4(rows + (8 * t + f), 8, y + (outs * f + t), outs);
        }
}

void turned(const float *x, const float *kernel, const float *bias, float *y, void *workspace)
{
    float *const rows = (float *)workspace; /* (40, 8): samples, channels */
    float *const sums = rows + 320; /* (40, 8): outputs, filters */

    turned_rows(x, 40, 40, rows);
    turned_channels_last(rows, kernel, bias, sums);
    turned_columns(sums, 40, y, 40);
}

void turned_pack(const float *kernel, float *packed)
{
    for (ptrdiff_t i = 0; i < 8; ++i)
        for (ptrdiff_t l = 0; l < 8; ++l)
            *packed++ = kernel[8 * i + l];
}
