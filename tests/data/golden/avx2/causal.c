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
 * algorithm  direct_filters for avx2: tiles of 14 steps x 4 filters, 14 accumulator vectors of 4
 * work       32 multiply-adds an output step
 * memory     144 bytes of weights (arguments), 0 bytes of workspace, nothing allocated
 * size       about 5,200 bytes of code, about 130 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -mavx2 -mfma -c causal.c
 */
#include "causal.h"

#if !defined(__AVX2__) || !defined(__FMA__)
#error "written for avx2: needs -mavx2 -mfma"
#endif

/* vN: N floats in one register; vN_any: the same in memory, aligned as one of them. Arguments are read once. */
typedef float v4 __attribute__((vector_size(4 * sizeof(float))));
typedef float v4_any __attribute__((vector_size(4 * sizeof(float)), aligned(sizeof(float)), may_alias));
#define v4_load(p) (*(const v4_any *)(p))
#define v4_store(p, v) ((void)(*(v4_any *)(p) = (v)))
#define v4_set1(s) ((s) - (v4){0}) /* s - 0 is s, for -0 and NaN too */

/* vN_fma(a, b, c) = a * b + c with one rounding. */
#if defined(__clang__) && __clang_major__ >= 16
#define v4_fma(a, b, c) __builtin_elementwise_fma((a), (b), (c))
#else
#define v4_fma(a, b, c) __builtin_ia32_vfmaddps((a), (b), (c))
#endif

/* The compiler moves no load or store across this line. */
#define hold() __asm__ volatile("" ::: "memory")

/* 14 output steps x 4 filters */
static void causal_14x4(const float *restrict x, const float *restrict w,
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
    v4 a10_0 = a0_0;
    v4 a11_0 = a0_0;
    v4 a12_0 = a0_0;
    v4 a13_0 = a0_0;
    v4 s, w0;

    /* tap 0 x 4 channels */
    w0 = v4_load(w);
    hold();
    s = v4_set1(x[0]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[4]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[8]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[12]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[16]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[20]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[24]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[28]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[32]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[36]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[40]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[44]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[48]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[52]); a13_0 = v4_fma(s, w0, a13_0);
    w0 = v4_load(w + 4);
    hold();
    s = v4_set1(x[1]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[5]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[9]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[13]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[17]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[21]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[25]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[29]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[33]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[37]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[41]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[45]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[49]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[53]); a13_0 = v4_fma(s, w0, a13_0);
    w0 = v4_load(w + 8);
    hold();
    s = v4_set1(x[2]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[6]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[10]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[14]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[18]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[22]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[26]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[30]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[34]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[38]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[42]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[46]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[50]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[54]); a13_0 = v4_fma(s, w0, a13_0);
    w0 = v4_load(w + 12);
    hold();
    s = v4_set1(x[3]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[7]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[11]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[15]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[19]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[23]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[27]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[31]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[35]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[39]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[43]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[47]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[51]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[55]); a13_0 = v4_fma(s, w0, a13_0);
    /* tap 1 x 4 channels */
    w0 = v4_load(w + 16);
    hold();
    s = v4_set1(x[16]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[20]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[24]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[28]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[32]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[36]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[40]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[44]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[48]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[52]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[56]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[60]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[64]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[68]); a13_0 = v4_fma(s, w0, a13_0);
    w0 = v4_load(w + 20);
    hold();
    s = v4_set1(x[17]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[21]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[25]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[29]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[33]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[37]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[41]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[45]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[49]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[53]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[57]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[61]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[65]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[69]); a13_0 = v4_fma(s, w0, a13_0);
    w0 = v4_load(w + 24);
    hold();
    s = v4_set1(x[18]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[22]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[26]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[30]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[34]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[38]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[42]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[46]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[50]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[54]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[58]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[62]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[66]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[70]); a13_0 = v4_fma(s, w0, a13_0);
    w0 = v4_load(w + 28);
    hold();
    s = v4_set1(x[19]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[23]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[27]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[31]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[35]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[39]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[43]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[47]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[51]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[55]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[59]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[63]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[67]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[71]); a13_0 = v4_fma(s, w0, a13_0);
    v4_store(y, a0_0);
    v4_store(y + 4, a1_0);
    v4_store(y + 8, a2_0);
    v4_store(y + 12, a3_0);
    v4_store(y + 16, a4_0);
    v4_store(y + 20, a5_0);
    v4_store(y + 24, a6_0);
    v4_store(y + 28, a7_0);
    v4_store(y + 32, a8_0);
    v4_store(y + 36, a9_0);
    v4_store(y + 40, a10_0);
    v4_store(y + 44, a11_0);
    v4_store(y + 48, a12_0);
    v4_store(y + 52, a13_0);
}

/* 14 output steps x 4 filters */
static void causal_14x4_at0(const float *restrict x, const float *restrict w,
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
    v4 a10_0 = a0_0;
    v4 a11_0 = a0_0;
    v4 a12_0 = a0_0;
    v4 a13_0 = a0_0;
    v4 s, w0;

    /* tap 0, rows 4 to 13 x 4 channels */
    w0 = v4_load(w);
    hold();
    s = v4_set1(x[0]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[4]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[8]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[12]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[16]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[20]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[24]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[28]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[32]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[36]); a13_0 = v4_fma(s, w0, a13_0);
    w0 = v4_load(w + 4);
    hold();
    s = v4_set1(x[1]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[5]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[9]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[13]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[17]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[21]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[25]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[29]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[33]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[37]); a13_0 = v4_fma(s, w0, a13_0);
    w0 = v4_load(w + 8);
    hold();
    s = v4_set1(x[2]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[6]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[10]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[14]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[18]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[22]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[26]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[30]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[34]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[38]); a13_0 = v4_fma(s, w0, a13_0);
    w0 = v4_load(w + 12);
    hold();
    s = v4_set1(x[3]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[7]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[11]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[15]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[19]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[23]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[27]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[31]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[35]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[39]); a13_0 = v4_fma(s, w0, a13_0);
    /* tap 1 x 4 channels */
    w0 = v4_load(w + 16);
    hold();
    s = v4_set1(x[0]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[4]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[8]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[12]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[16]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[20]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[24]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[28]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[32]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[36]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[40]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[44]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[48]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[52]); a13_0 = v4_fma(s, w0, a13_0);
    w0 = v4_load(w + 20);
    hold();
    s = v4_set1(x[1]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[5]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[9]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[13]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[17]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[21]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[25]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[29]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[33]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[37]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[41]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[45]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[49]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[53]); a13_0 = v4_fma(s, w0, a13_0);
    w0 = v4_load(w + 24);
    hold();
    s = v4_set1(x[2]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[6]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[10]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[14]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[18]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[22]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[26]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[30]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[34]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[38]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[42]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[46]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[50]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[54]); a13_0 = v4_fma(s, w0, a13_0);
    w0 = v4_load(w + 28);
    hold();
    s = v4_set1(x[3]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[7]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[11]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[15]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[19]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[23]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[27]); a6_0 = v4_fma(s, w0, a6_0);
    s = v4_set1(x[31]); a7_0 = v4_fma(s, w0, a7_0);
    s = v4_set1(x[35]); a8_0 = v4_fma(s, w0, a8_0);
    s = v4_set1(x[39]); a9_0 = v4_fma(s, w0, a9_0);
    s = v4_set1(x[43]); a10_0 = v4_fma(s, w0, a10_0);
    s = v4_set1(x[47]); a11_0 = v4_fma(s, w0, a11_0);
    s = v4_set1(x[51]); a12_0 = v4_fma(s, w0, a12_0);
    s = v4_set1(x[55]); a13_0 = v4_fma(s, w0, a13_0);
    v4_store(y, a0_0);
    v4_store(y + 4, a1_0);
    v4_store(y + 8, a2_0);
    v4_store(y + 12, a3_0);
    v4_store(y + 16, a4_0);
    v4_store(y + 20, a5_0);
    v4_store(y + 24, a6_0);
    v4_store(y + 28, a7_0);
    v4_store(y + 32, a8_0);
    v4_store(y + 36, a9_0);
    v4_store(y + 40, a10_0);
    v4_store(y + 44, a11_0);
    v4_store(y + 48, a12_0);
    v4_store(y + 52, a13_0);
}

/* 7 output steps x 4 filters */
static void causal_7x4(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    v4 a0_0 = v4_load(b);
    v4 a1_0 = a0_0;
    v4 a2_0 = a0_0;
    v4 a3_0 = a0_0;
    v4 a4_0 = a0_0;
    v4 a5_0 = a0_0;
    v4 a6_0 = a0_0;
    v4 s, w0;

    /* tap 0 x 4 channels */
    w0 = v4_load(w);
    hold();
    s = v4_set1(x[0]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[4]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[8]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[12]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[16]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[20]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[24]); a6_0 = v4_fma(s, w0, a6_0);
    w0 = v4_load(w + 4);
    hold();
    s = v4_set1(x[1]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[5]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[9]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[13]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[17]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[21]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[25]); a6_0 = v4_fma(s, w0, a6_0);
    w0 = v4_load(w + 8);
    hold();
    s = v4_set1(x[2]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[6]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[10]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[14]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[18]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[22]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[26]); a6_0 = v4_fma(s, w0, a6_0);
    w0 = v4_load(w + 12);
    hold();
    s = v4_set1(x[3]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[7]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[11]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[15]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[19]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[23]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[27]); a6_0 = v4_fma(s, w0, a6_0);
    /* tap 1 x 4 channels */
    w0 = v4_load(w + 16);
    hold();
    s = v4_set1(x[16]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[20]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[24]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[28]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[32]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[36]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[40]); a6_0 = v4_fma(s, w0, a6_0);
    w0 = v4_load(w + 20);
    hold();
    s = v4_set1(x[17]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[21]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[25]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[29]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[33]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[37]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[41]); a6_0 = v4_fma(s, w0, a6_0);
    w0 = v4_load(w + 24);
    hold();
    s = v4_set1(x[18]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[22]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[26]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[30]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[34]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[38]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[42]); a6_0 = v4_fma(s, w0, a6_0);
    w0 = v4_load(w + 28);
    hold();
    s = v4_set1(x[19]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[23]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[27]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[31]); a3_0 = v4_fma(s, w0, a3_0);
    s = v4_set1(x[35]); a4_0 = v4_fma(s, w0, a4_0);
    s = v4_set1(x[39]); a5_0 = v4_fma(s, w0, a5_0);
    s = v4_set1(x[43]); a6_0 = v4_fma(s, w0, a6_0);
    v4_store(y, a0_0);
    v4_store(y + 4, a1_0);
    v4_store(y + 8, a2_0);
    v4_store(y + 12, a3_0);
    v4_store(y + 16, a4_0);
    v4_store(y + 20, a5_0);
    v4_store(y + 24, a6_0);
}

/* 4 output steps x 4 filters */
static void causal_4x4(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    v4 a0_0 = v4_load(b);
    v4 a1_0 = a0_0;
    v4 a2_0 = a0_0;
    v4 a3_0 = a0_0;
    v4 s, w0;

    /* tap 0 x 4 channels */
    w0 = v4_load(w);
    hold();
    s = v4_set1(x[0]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[4]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[8]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[12]); a3_0 = v4_fma(s, w0, a3_0);
    w0 = v4_load(w + 4);
    hold();
    s = v4_set1(x[1]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[5]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[9]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[13]); a3_0 = v4_fma(s, w0, a3_0);
    w0 = v4_load(w + 8);
    hold();
    s = v4_set1(x[2]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[6]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[10]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[14]); a3_0 = v4_fma(s, w0, a3_0);
    w0 = v4_load(w + 12);
    hold();
    s = v4_set1(x[3]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[7]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[11]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[15]); a3_0 = v4_fma(s, w0, a3_0);
    /* tap 1 x 4 channels */
    w0 = v4_load(w + 16);
    hold();
    s = v4_set1(x[16]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[20]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[24]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[28]); a3_0 = v4_fma(s, w0, a3_0);
    w0 = v4_load(w + 20);
    hold();
    s = v4_set1(x[17]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[21]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[25]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[29]); a3_0 = v4_fma(s, w0, a3_0);
    w0 = v4_load(w + 24);
    hold();
    s = v4_set1(x[18]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[22]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[26]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[30]); a3_0 = v4_fma(s, w0, a3_0);
    w0 = v4_load(w + 28);
    hold();
    s = v4_set1(x[19]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[23]); a1_0 = v4_fma(s, w0, a1_0);
    s = v4_set1(x[27]); a2_0 = v4_fma(s, w0, a2_0);
    s = v4_set1(x[31]); a3_0 = v4_fma(s, w0, a3_0);
    v4_store(y, a0_0);
    v4_store(y + 4, a1_0);
    v4_store(y + 8, a2_0);
    v4_store(y + 12, a3_0);
}

/* 2 output steps x 4 filters */
static void causal_2x4(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    v4 a0_0 = v4_load(b);
    v4 a1_0 = a0_0;
    v4 s, w0;

    /* tap 0 x 4 channels */
    w0 = v4_load(w);
    hold();
    s = v4_set1(x[0]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[4]); a1_0 = v4_fma(s, w0, a1_0);
    w0 = v4_load(w + 4);
    hold();
    s = v4_set1(x[1]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[5]); a1_0 = v4_fma(s, w0, a1_0);
    w0 = v4_load(w + 8);
    hold();
    s = v4_set1(x[2]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[6]); a1_0 = v4_fma(s, w0, a1_0);
    w0 = v4_load(w + 12);
    hold();
    s = v4_set1(x[3]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[7]); a1_0 = v4_fma(s, w0, a1_0);
    /* tap 1 x 4 channels */
    w0 = v4_load(w + 16);
    hold();
    s = v4_set1(x[16]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[20]); a1_0 = v4_fma(s, w0, a1_0);
    w0 = v4_load(w + 20);
    hold();
    s = v4_set1(x[17]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[21]); a1_0 = v4_fma(s, w0, a1_0);
    w0 = v4_load(w + 24);
    hold();
    s = v4_set1(x[18]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[22]); a1_0 = v4_fma(s, w0, a1_0);
    w0 = v4_load(w + 28);
    hold();
    s = v4_set1(x[19]); a0_0 = v4_fma(s, w0, a0_0);
    s = v4_set1(x[23]); a1_0 = v4_fma(s, w0, a1_0);
    v4_store(y, a0_0);
    v4_store(y + 4, a1_0);
}

/* 1 output step x 4 filters at a border */
static void causal_edge_1x4(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y, ptrdiff_t taps)
{
    v4 a0_0 = v4_load(b);
    v4 s, w0;

    /* the taps inside the input */
    for (ptrdiff_t k = 0; k < taps; ++k)
        for (ptrdiff_t c = 0; c < 4; ++c) {
            w0 = v4_load(w + 16 * k + 4 * c);
            hold();
            s = v4_set1(x[16 * k + c]); a0_0 = v4_fma(s, w0, a0_0);
        }
    v4_store(y, a0_0);
}

/* Outputs t to end - 1, where taps may lie outside the input: those are skipped. */
static void causal_border_4(const float *x, const float *w,
    const float *b, float *y, ptrdiff_t t, ptrdiff_t end)
{
    while (t < end) {
        const ptrdiff_t at = t - 4; /* the sample of tap 0 */

        /* outputs that have all their taps inside the input */
        if (t + 7 <= end && at >= 0) {
            causal_7x4(x + 4 * at, w, b, y + 4 * t);
            t += 7;
            continue;
        }

        /* outputs that have all their taps inside the input */
        if (t + 4 <= end && at >= 0) {
            causal_4x4(x + 4 * at, w, b, y + 4 * t);
            t += 4;
            continue;
        }

        /* outputs that have all their taps inside the input */
        if (t + 2 <= end && at >= 0) {
            causal_2x4(x + 4 * at, w, b, y + 4 * t);
            t += 2;
            continue;
        }

        const ptrdiff_t first = at < 0 ? (3 - at) / 4 : 0;
        const ptrdiff_t taps = first < 2 ? 2 - first : 0;
        const float *from = taps > 0 ? x + 4 * (at + 4 * first) : x;
        const float *weights = taps > 0 ? w + 16 * first : w;
        causal_edge_1x4(from, weights, b, y + 4 * t, taps);
        ++t;
    }
}

void causal(const float *x, ptrdiff_t steps, const float *kernel, const float *bias, float *y)
{
    const ptrdiff_t outs = causal_out_steps(steps);
    /* outputs first to last - 1 have all their taps inside the input */
    ptrdiff_t first = 4, last = outs;

    if (last - first < 14) first = last = outs; /* too few for a tile: all go through the border */
    const int far = outs > 65536; /* outputs that the caches do not hold: the lines of a tile's are fetched first */

    {
        /* the first 14 outputs have tiles of their own, unless all go through the border */
        const ptrdiff_t start = first < outs ? 14 : outs, end = last;
        /* chunks of 126 outputs, the last one longer */
        const ptrdiff_t chunks = end - start < 126 ? end > start : (end - start) / 126;

        if (first == outs)
            causal_border_4(x, kernel, bias, y, 0, first);
        if (first < outs)
            causal_14x4_at0(x, kernel, bias, y);
        for (ptrdiff_t chunk = 0; chunk < chunks; ++chunk) {
            const ptrdiff_t from = start + 126 * chunk, to = chunk + 1 < chunks ? from + 126 : end;
            for (ptrdiff_t t = from; t < to; t += 14) {
                const ptrdiff_t at = last - t < 14 ? last - 14 : t; /* the last one overlaps */
                if (far) {
                    __builtin_prefetch(y + 4 * at, 1);
                    __builtin_prefetch(y + 4 * at + 16, 1);
                    __builtin_prefetch(y + 4 * at + 32, 1);
                    __builtin_prefetch(y + 4 * at + 48, 1);
                    __builtin_prefetch(y + 4 * at + 55, 1);
                }
                causal_14x4(x + 4 * (at - 4), kernel, bias, y + 4 * at);
            }
        }
    }
}
