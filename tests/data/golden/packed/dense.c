/*
 * dense: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (12, 3)
 *     kernel_size = 3
 *     strides = 1
 *     padding = same
 *     activation = relu
 *     filters = 8
 *
 * computes   y[t, f] = relu(bias[f] + sum over k, c of kernel[k, c, f] * x[t + k - 1, c])
 * algorithm  direct_filters for avx2: tiles of 12 steps x 8 filters, 12 accumulator vectors of 8
 * work       864 multiply-adds a call
 * memory     320 bytes of weights (arguments, as packed), 0 bytes of workspace, nothing allocated
 * size       about 1,400 bytes of code, about 8 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -mavx2 -mfma -c dense.c
 */
#include "dense.h"

#if !defined(__AVX2__) || !defined(__FMA__)
#error "written for avx2: needs -mavx2 -mfma"
#endif

/* vN: N floats in one register; vN_any: the same in memory, aligned as one of them. Arguments are read once. */
typedef float v8 __attribute__((vector_size(8 * sizeof(float))));
typedef float v8_any __attribute__((vector_size(8 * sizeof(float)), aligned(sizeof(float)), may_alias));
#define v8_load(p) (*(const v8_any *)(p))
#define v8_store(p, v) ((void)(*(v8_any *)(p) = (v)))
#define v8_set1(s) ((s) - (v8){0}) /* s - 0 is s, for -0 and NaN too */

/* vN_fma(a, b, c) = a * b + c with one rounding. */
#if defined(__clang__) && __clang_major__ >= 16
#define v8_fma(a, b, c) __builtin_elementwise_fma((a), (b), (c))
#else
#define v8_fma(a, b, c) __builtin_ia32_vfmaddps256((a), (b), (c))
#endif

/* The compiler moves no load or store across this line. */
#define hold() __asm__ volatile("" ::: "memory")

#include <stdint.h>

/* vNu: the bits of a vN, as unsigned integers. */
typedef uint32_t v8u __attribute__((vector_size(8 * sizeof(uint32_t))));
#define v8_bits(x) ((v8u)(x))
#define v8_number(u) ((v8)(u))

/* a <= b ? x : y in each lane, so y where a or b is NaN. */
static inline v8 v8_where(v8 a, v8 b, v8 x, v8 y)
{
    const v8u yes = (v8u)(a <= b);
    return v8_number((yes & v8_bits(x)) | (~yes & v8_bits(y)));
}

/* relu: 0 where x <= 0.0, else x; NaN stays NaN. Exact. */
static inline v8 v8_relu(v8 x)
{
    const v8 above = x;
    const v8 below = v8_set1(0.0f);
    return v8_where(x, v8_set1(0.0f), below, above);
}

/* 12 output steps x 8 filters */
static void dense_12x8_at0(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    v8 a0_0 = v8_load(b);
    v8 a1_0 = a0_0;
    v8 a2_0 = a0_0;
    v8 a3_0 = a0_0;
    v8 a4_0 = a0_0;
    v8 a5_0 = a0_0;
    v8 a6_0 = a0_0;
    v8 a7_0 = a0_0;
    v8 a8_0 = a0_0;
    v8 a9_0 = a0_0;
    v8 a10_0 = a0_0;
    v8 a11_0 = a0_0;
    v8 s, w0;

    /* tap 0, rows 1 to 11 x 3 channels */
    w0 = v8_load(w);
    hold();
    s = v8_set1(x[0]); a1_0 = v8_fma(s, w0, a1_0);
    s = v8_set1(x[3]); a2_0 = v8_fma(s, w0, a2_0);
    s = v8_set1(x[6]); a3_0 = v8_fma(s, w0, a3_0);
    s = v8_set1(x[9]); a4_0 = v8_fma(s, w0, a4_0);
    s = v8_set1(x[12]); a5_0 = v8_fma(s, w0, a5_0);
    s = v8_set1(x[15]); a6_0 = v8_fma(s, w0, a6_0);
    s = v8_set1(x[18]); a7_0 = v8_fma(s, w0, a7_0);
    s = v8_set1(x[21]); a8_0 = v8_fma(s, w0, a8_0);
    s = v8_set1(x[24]); a9_0 = v8_fma(s, w0, a9_0);
    s = v8_set1(x[27]); a10_0 = v8_fma(s, w0, a10_0);
    s = v8_set1(x[30]); a11_0 = v8_fma(s, w0, a11_0);
    w0 = v8_load(w + 8);
    hold();
    s = v8_set1(x[1]); a1_0 = v8_fma(s, w0, a1_0);
    s = v8_set1(x[4]); a2_0 = v8_fma(s, w0, a2_0);
    s = v8_set1(x[7]); a3_0 = v8_fma(s, w0, a3_0);
    s = v8_set1(x[10]); a4_0 = v8_fma(s, w0, a4_0);
    s = v8_set1(x[13]); a5_0 = v8_fma(s, w0, a5_0);
    s = v8_set1(x[16]); a6_0 = v8_fma(s, w0, a6_0);
    s = v8_set1(x[19]); a7_0 = v8_fma(s, w0, a7_0);
    s = v8_set1(x[22]); a8_0 = v8_fma(s, w0, a8_0);
    s = v8_set1(x[25]); a9_0 = v8_fma(s, w0, a9_0);
    s = v8_set1(x[28]); a10_0 = v8_fma(s, w0, a10_0);
    s = v8_set1(x[31]); a11_0 = v8_fma(s, w0, a11_0);
    w0 = v8_load(w + 16);
    hold();
    s = v8_set1(x[2]); a1_0 = v8_fma(s, w0, a1_0);
    s = v8_set1(x[5]); a2_0 = v8_fma(s, w0, a2_0);
    s = v8_set1(x[8]); a3_0 = v8_fma(s, w0, a3_0);
    s = v8_set1(x[11]); a4_0 = v8_fma(s, w0, a4_0);
    s = v8_set1(x[14]); a5_0 = v8_fma(s, w0, a5_0);
    s = v8_set1(x[17]); a6_0 = v8_fma(s, w0, a6_0);
    s = v8_set1(x[20]); a7_0 = v8_fma(s, w0, a7_0);
    s = v8_set1(x[23]); a8_0 = v8_fma(s, w0, a8_0);
    s = v8_set1(x[26]); a9_0 = v8_fma(s, w0, a9_0);
    s = v8_set1(x[29]); a10_0 = v8_fma(s, w0, a10_0);
    s = v8_set1(x[32]); a11_0 = v8_fma(s, w0, a11_0);
    /* tap 1 x 3 channels */
    w0 = v8_load(w + 24);
    hold();
    s = v8_set1(x[0]); a0_0 = v8_fma(s, w0, a0_0);
    s = v8_set1(x[3]); a1_0 = v8_fma(s, w0, a1_0);
    s = v8_set1(x[6]); a2_0 = v8_fma(s, w0, a2_0);
    s = v8_set1(x[9]); a3_0 = v8_fma(s, w0, a3_0);
    s = v8_set1(x[12]); a4_0 = v8_fma(s, w0, a4_0);
    s = v8_set1(x[15]); a5_0 = v8_fma(s, w0, a5_0);
    s = v8_set1(x[18]); a6_0 = v8_fma(s, w0, a6_0);
    s = v8_set1(x[21]); a7_0 = v8_fma(s, w0, a7_0);
    s = v8_set1(x[24]); a8_0 = v8_fma(s, w0, a8_0);
    s = v8_set1(x[27]); a9_0 = v8_fma(s, w0, a9_0);
    s = v8_set1(x[30]); a10_0 = v8_fma(s, w0, a10_0);
    s = v8_set1(x[33]); a11_0 = v8_fma(s, w0, a11_0);
    w0 = v8_load(w + 32);
    hold();
    s = v8_set1(x[1]); a0_0 = v8_fma(s, w0, a0_0);
    s = v8_set1(x[4]); a1_0 = v8_fma(s, w0, a1_0);
    s = v8_set1(x[7]); a2_0 = v8_fma(s, w0, a2_0);
    s = v8_set1(x[10]); a3_0 = v8_fma(s, w0, a3_0);
    s = v8_set1(x[13]); a4_0 = v8_fma(s, w0, a4_0);
    s = v8_set1(x[16]); a5_0 = v8_fma(s, w0, a5_0);
    s = v8_set1(x[19]); a6_0 = v8_fma(s, w0, a6_0);
    s = v8_set1(x[22]); a7_0 = v8_fma(s, w0, a7_0);
    s = v8_set1(x[25]); a8_0 = v8_fma(s, w0, a8_0);
    s = v8_set1(x[28]); a9_0 = v8_fma(s, w0, a9_0);
    s = v8_set1(x[31]); a10_0 = v8_fma(s, w0, a10_0);
    s = v8_set1(x[34]); a11_0 = v8_fma(s, w0, a11_0);
    w0 = v8_load(w + 40);
    hold();
    s = v8_set1(x[2]); a0_0 = v8_fma(s, w0, a0_0);
    s = v8_set1(x[5]); a1_0 = v8_fma(s, w0, a1_0);
    s = v8_set1(x[8]); a2_0 = v8_fma(s, w0, a2_0);
    s = v8_set1(x[11]); a3_0 = v8_fma(s, w0, a3_0);
    s = v8_set1(x[14]); a4_0 = v8_fma(s, w0, a4_0);
    s = v8_set1(x[17]); a5_0 = v8_fma(s, w0, a5_0);
    s = v8_set1(x[20]); a6_0 = v8_fma(s, w0, a6_0);
    s = v8_set1(x[23]); a7_0 = v8_fma(s, w0, a7_0);
    s = v8_set1(x[26]); a8_0 = v8_fma(s, w0, a8_0);
    s = v8_set1(x[29]); a9_0 = v8_fma(s, w0, a9_0);
    s = v8_set1(x[32]); a10_0 = v8_fma(s, w0, a10_0);
    s = v8_set1(x[35]); a11_0 = v8_fma(s, w0, a11_0);
    /* tap 2, rows 0 to 10 x 3 channels */
    w0 = v8_load(w + 48);
    hold();
    s = v8_set1(x[3]); a0_0 = v8_fma(s, w0, a0_0);
    s = v8_set1(x[6]); a1_0 = v8_fma(s, w0, a1_0);
    s = v8_set1(x[9]); a2_0 = v8_fma(s, w0, a2_0);
    s = v8_set1(x[12]); a3_0 = v8_fma(s, w0, a3_0);
    s = v8_set1(x[15]); a4_0 = v8_fma(s, w0, a4_0);
    s = v8_set1(x[18]); a5_0 = v8_fma(s, w0, a5_0);
    s = v8_set1(x[21]); a6_0 = v8_fma(s, w0, a6_0);
    s = v8_set1(x[24]); a7_0 = v8_fma(s, w0, a7_0);
    s = v8_set1(x[27]); a8_0 = v8_fma(s, w0, a8_0);
    s = v8_set1(x[30]); a9_0 = v8_fma(s, w0, a9_0);
    s = v8_set1(x[33]); a10_0 = v8_fma(s, w0, a10_0);
    w0 = v8_load(w + 56);
    hold();
    s = v8_set1(x[4]); a0_0 = v8_fma(s, w0, a0_0);
    s = v8_set1(x[7]); a1_0 = v8_fma(s, w0, a1_0);
    s = v8_set1(x[10]); a2_0 = v8_fma(s, w0, a2_0);
    s = v8_set1(x[13]); a3_0 = v8_fma(s, w0, a3_0);
    s = v8_set1(x[16]); a4_0 = v8_fma(s, w0, a4_0);
    s = v8_set1(x[19]); a5_0 = v8_fma(s, w0, a5_0);
    s = v8_set1(x[22]); a6_0 = v8_fma(s, w0, a6_0);
    s = v8_set1(x[25]); a7_0 = v8_fma(s, w0, a7_0);
    s = v8_set1(x[28]); a8_0 = v8_fma(s, w0, a8_0);
    s = v8_set1(x[31]); a9_0 = v8_fma(s, w0, a9_0);
    s = v8_set1(x[34]); a10_0 = v8_fma(s, w0, a10_0);
    w0 = v8_load(w + 64);
    hold();
    s = v8_set1(x[5]); a0_0 = v8_fma(s, w0, a0_0);
    s = v8_set1(x[8]); a1_0 = v8_fma(s, w0, a1_0);
    s = v8_set1(x[11]); a2_0 = v8_fma(s, w0, a2_0);
    s = v8_set1(x[14]); a3_0 = v8_fma(s, w0, a3_0);
    s = v8_set1(x[17]); a4_0 = v8_fma(s, w0, a4_0);
    s = v8_set1(x[20]); a5_0 = v8_fma(s, w0, a5_0);
    s = v8_set1(x[23]); a6_0 = v8_fma(s, w0, a6_0);
    s = v8_set1(x[26]); a7_0 = v8_fma(s, w0, a7_0);
    s = v8_set1(x[29]); a8_0 = v8_fma(s, w0, a8_0);
    s = v8_set1(x[32]); a9_0 = v8_fma(s, w0, a9_0);
    s = v8_set1(x[35]); a10_0 = v8_fma(s, w0, a10_0);
    v8_store(y, v8_relu(a0_0));
    v8_store(y + 8, v8_relu(a1_0));
    v8_store(y + 16, v8_relu(a2_0));
    v8_store(y + 24, v8_relu(a3_0));
    v8_store(y + 32, v8_relu(a4_0));
    v8_store(y + 40, v8_relu(a5_0));
    v8_store(y + 48, v8_relu(a6_0));
    v8_store(y + 56, v8_relu(a7_0));
    v8_store(y + 64, v8_relu(a8_0));
    v8_store(y + 72, v8_relu(a9_0));
    v8_store(y + 80, v8_relu(a10_0));
    v8_store(y + 88, v8_relu(a11_0));
}

void dense(const float *x, const float *kernel, const float *bias, float *y)
{
    /* outputs 0 to 11: 1 tile of 12 */
    dense_12x8_at0(x, kernel, bias, y);
}

void dense_pack(const float *kernel, float *packed)
{
    for (ptrdiff_t i = 0; i < 9; ++i)
        for (ptrdiff_t l = 0; l < 8; ++l)
            *packed++ = kernel[8 * i + l];
}
