/*
 * spectrum: a conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (40, 8)
 *     kernel_size = 9
 *     strides = 1
 *     padding = same
 *     activation = linear
 *     use_bias = False
 *     filters = 8
 *
 * computes   y[t, f] = sum over k, c of kernel[k, c, f] * x[t + k - 4, c]
 * algorithm  fft FFT16(8) for sse2: 8 outputs from 23 products (3.13 times fewer), GEMM tiles of 5 x 8, 5 tiles a
 * block, 0.9 times direct's rounding error
 * work       23,040 multiply-adds a call
 * memory     5,888 bytes of weights (arguments, as packed), 8,896 bytes of workspace, nothing allocated
 * size       about 4,200 bytes of code, about 830 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -msse2 -c spectrum.c
 */
#include "spectrum.h"

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

/*
 * FFT16(8) forward: 16 samples, 1 apart from sample `at` on, to 23 points,
 * for 8 channels; samples outside the input read as zeros.
 */
static void spectrum_forward(const float *x, ptrdiff_t at, ptrdiff_t steps, const float *zeros, float *restrict v)
{
    const float *row[16];

    for (ptrdiff_t i = 0; i < 16; ++i, ++at)
        row[i] = at >= 0 && at < steps ? x + 8 * at : zeros;
    for (ptrdiff_t c = 0; c < 8; c += 4) {
        const v4 x0 = v4_load(row[0] + c);
        const v4 x8 = v4_load(row[8] + c);
        const v4 t0 = x0 + x8;
        const v4 x4 = v4_load(row[4] + c);
        const v4 x12 = v4_load(row[12] + c);
        const v4 t1 = x4 + x12;
        const v4 t2 = t0 + t1;
        const v4 x2 = v4_load(row[2] + c);
        const v4 x10 = v4_load(row[10] + c);
        const v4 t3 = x2 + x10;
        const v4 x6 = v4_load(row[6] + c);
        const v4 x14 = v4_load(row[14] + c);
        const v4 t4 = x6 + x14;
        const v4 t5 = t3 + t4;
        const v4 t6 = t2 + t5;
        const v4 x1 = v4_load(row[1] + c);
        const v4 x9 = v4_load(row[9] + c);
        const v4 t7 = x1 + x9;
        const v4 x5 = v4_load(row[5] + c);
        const v4 x13 = v4_load(row[13] + c);
        const v4 t8 = x5 + x13;
        const v4 t9 = t7 + t8;
        const v4 x3 = v4_load(row[3] + c);
        const v4 x11 = v4_load(row[11] + c);
        const v4 t10 = x3 + x11;
        const v4 x7 = v4_load(row[7] + c);
        const v4 x15 = v4_load(row[15] + c);
        const v4 t11 = x7 + x15;
        const v4 t12 = t10 + t11;
        const v4 t13 = t9 + t12;
        const v4 t14 = t6 + t13;
        v4_store(v + c, t14);
        const v4 t15 = t6 - t13;
        v4_store(v + c + 48, t15);
        const v4 t16 = x3 - x11;
        const v4 t17 = x15 - x7;
        const v4 t18 = t16 + t17;
        const v4 t19 = v4_set1(0.70710677f) * t18;
        const v4 t20 = x1 - x9;
        const v4 t21 = t19 + t20;
        const v4 t22 = t17 - t16;
        const v4 t23 = v4_set1(0.70710677f) * t22;
        const v4 t24 = x13 - x5;
        const v4 t25 = t23 + t24;
        const v4 t26 = x14 - x6;
        const v4 t27 = x2 - x10;
        const v4 t28 = t26 - t27;
        const v4 t29 = v4_set1(0.70710677f) * t28;
        const v4 t30 = x12 - x4;
        const v4 t31 = t29 + t30;
        const v4 t32 = v4_fma(v4_set1(0.9238795f), t25, t31);
        const v4 t33 = v4_fma(v4_set1(-0.38268343f), t21, t32);
        v4_store(v + c + 192, t33);
        const v4 t34 = t27 + t26;
        const v4 t35 = v4_set1(0.70710677f) * t34;
        const v4 t36 = x0 - x8;
        const v4 t37 = t35 + t36;
        const v4 t38 = v4_fma(v4_set1(0.9238795f), t21, t37);
        const v4 t39 = v4_fma(v4_set1(0.38268343f), t25, t38);
        v4_store(v + c + 144, t39);
        const v4 t40 = t33 + t39;
        v4_store(v + c + 96, t40);
        const v4 t41 = t7 - t8;
        const v4 t42 = t11 - t10;
        const v4 t43 = t41 + t42;
        const v4 t44 = v4_set1(0.70710677f) * t43;
        const v4 t45 = t0 - t1;
        const v4 t46 = t44 + t45;
        v4_store(v + c + 288, t46);
        const v4 t47 = t42 - t41;
        const v4 t48 = v4_set1(0.70710677f) * t47;
        const v4 t49 = t4 - t3;
        const v4 t50 = t48 + t49;
        v4_store(v + c + 336, t50);
        const v4 t51 = t46 + t50;
        v4_store(v + c + 240, t51);
        const v4 t52 = t20 - t19;
        const v4 t53 = t23 - t24;
        const v4 t54 = t29 - t30;
        const v4 t55 = v4_fma(v4_set1(0.38268343f), t53, t54);
        const v4 t56 = v4_fma(v4_set1(-0.9238795f), t52, t55);
        v4_store(v + c + 480, t56);
        const v4 t57 = t36 - t35;
        const v4 t58 = v4_fma(v4_set1(0.38268343f), t52, t57);
        const v4 t59 = v4_fma(v4_set1(0.9238795f), t53, t58);
        v4_store(v + c + 432, t59);
        const v4 t60 = t56 + t59;
        v4_store(v + c + 384, t60);
        const v4 t61 = t2 - t5;
        v4_store(v + c + 576, t61);
        const v4 t62 = t12 - t9;
        v4_store(v + c + 624, t62);
        const v4 t63 = t61 + t62;
        v4_store(v + c + 528, t63);
        const v4 t64 = v4_fma(v4_set1(-2.0f), t54, t56);
        v4_store(v + c + 768, t64);
        const v4 t65 = v4_fma(v4_set1(2.0f), t57, -t59);
        v4_store(v + c + 720, t65);
        const v4 t66 = t64 + t65;
        v4_store(v + c + 672, t66);
        const v4 t67 = t45 - t44;
        v4_store(v + c + 864, t67);
        const v4 t68 = t48 - t49;
        v4_store(v + c + 912, t68);
        const v4 t69 = t67 + t68;
        v4_store(v + c + 816, t69);
        const v4 t70 = v4_fma(v4_set1(-2.0f), t31, t33);
        v4_store(v + c + 1056, t70);
        const v4 t71 = v4_fma(v4_set1(2.0f), t37, -t39);
        v4_store(v + c + 1008, t71);
        const v4 t72 = t70 + t71;
        v4_store(v + c + 960, t72);
    }
}

/* 5 tiles x 8 filters, one point of the transform */
static void spectrum_gemm_5x8(const float *restrict x, const float *restrict w,
    float *restrict y)
{
    v4 a0_0 = v4_set1(0), a0_1 = v4_set1(0);
    v4 a1_0 = a0_0, a1_1 = a0_1;
    v4 a2_0 = a0_0, a2_1 = a0_1;
    v4 a3_0 = a0_0, a3_1 = a0_1;
    v4 a4_0 = a0_0, a4_1 = a0_1;
    v4 s, w0, w1;

    /* 8 channels */
    for (ptrdiff_t c = 0; c < 8; ++c) {
        w0 = v4_load(w + 8 * c); w1 = v4_load(w + 8 * c + 4);
        hold();
        s = v4_set1(x[c]); a0_0 = v4_fma(s, w0, a0_0); a0_1 = v4_fma(s, w1, a0_1);
        s = v4_set1(x[c + 8]); a1_0 = v4_fma(s, w0, a1_0); a1_1 = v4_fma(s, w1, a1_1);
        s = v4_set1(x[c + 16]); a2_0 = v4_fma(s, w0, a2_0); a2_1 = v4_fma(s, w1, a2_1);
        s = v4_set1(x[c + 24]); a3_0 = v4_fma(s, w0, a3_0); a3_1 = v4_fma(s, w1, a3_1);
        s = v4_set1(x[c + 32]); a4_0 = v4_fma(s, w0, a4_0); a4_1 = v4_fma(s, w1, a4_1);
    }
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

/* The products of one point: 5 tiles by 8 filters. */
static void spectrum_products(const float *v, const float *u, float *m)
{
    spectrum_gemm_5x8(v, u, m);
}

/* FFT16(8) inverse: 23 products to 8 outputs, 1 apart, for one vector of filters. */
static void spectrum_inverse(const float *restrict m, float *const *row_at, ptrdiff_t f)
{
    float *row[8];

    for (ptrdiff_t i = 0; i < 8; ++i)
        row[i] = row_at[i] + f;
    const v4 x0 = v4_load(m);
    const v4 x1 = v4_load(m + 48);
    const v4 t0 = x0 + x1;
    const v4 x11 = v4_load(m + 528);
    const v4 x13 = v4_load(m + 624);
    const v4 t1 = x11 - x13;
    const v4 t2 = v4_set1(2.0f) * t1;
    const v4 t3 = t0 + t2;
    const v4 x5 = v4_load(m + 240);
    const v4 x7 = v4_load(m + 336);
    const v4 t4 = x5 - x7;
    const v4 x17 = v4_load(m + 816);
    const v4 x19 = v4_load(m + 912);
    const v4 t5 = x17 - x19;
    const v4 t6 = t4 + t5;
    const v4 t7 = v4_set1(2.0f) * t6;
    const v4 t8 = t3 + t7;
    const v4 x2 = v4_load(m + 96);
    const v4 x4 = v4_load(m + 192);
    const v4 t9 = x2 - x4;
    const v4 x20 = v4_load(m + 960);
    const v4 x22 = v4_load(m + 1056);
    const v4 t10 = x20 - x22;
    const v4 t11 = t9 + t10;
    const v4 x8 = v4_load(m + 384);
    const v4 x10 = v4_load(m + 480);
    const v4 t12 = x8 - x10;
    const v4 x14 = v4_load(m + 672);
    const v4 x16 = v4_load(m + 768);
    const v4 t13 = x14 - x16;
    const v4 t14 = t12 + t13;
    const v4 t15 = t11 + t14;
    const v4 t16 = v4_set1(2.0f) * t15;
    const v4 t17 = t8 + t16;
    v4_store(row[0], t17);
    const v4 t18 = t4 - t5;
    const v4 x6 = v4_load(m + 288);
    const v4 t19 = x5 + x6;
    const v4 x18 = v4_load(m + 864);
    const v4 t20 = x17 + x18;
    const v4 t21 = t19 + t20;
    const v4 t22 = t18 - t21;
    const v4 t23 = v4_set1(0.70710677f) * t22;
    const v4 t24 = v4_set1(2.0f) * t23;
    const v4 t25 = x0 - x1;
    const v4 x12 = v4_load(m + 576);
    const v4 t26 = x11 + x12;
    const v4 t27 = v4_set1(2.0f) * t26;
    const v4 t28 = t25 - t27;
    const v4 t29 = t24 + t28;
    const v4 x9 = v4_load(m + 432);
    const v4 t30 = x8 + x9;
    const v4 x15 = v4_load(m + 720);
    const v4 t31 = x14 + x15;
    const v4 t32 = t30 + t31;
    const v4 t33 = t12 - t13;
    const v4 t34 = v4_set1(0.38268343f) * t33;
    const v4 t35 = v4_fma(v4_set1(-0.9238795f), t32, t34);
    const v4 x3 = v4_load(m + 144);
    const v4 t36 = x2 + x3;
    const v4 x21 = v4_load(m + 1008);
    const v4 t37 = x20 + x21;
    const v4 t38 = t36 + t37;
    const v4 t39 = t9 - t10;
    const v4 t40 = v4_set1(0.9238795f) * t39;
    const v4 t41 = v4_fma(v4_set1(-0.38268343f), t38, t40);
    const v4 t42 = t35 + t41;
    const v4 t43 = v4_set1(2.0f) * t42;
    const v4 t44 = t29 + t43;
    v4_store(row[1], t44);
    const v4 t45 = t11 - t14;
    const v4 t46 = t36 - t37;
    const v4 t47 = t30 - t31;
    const v4 t48 = t46 + t47;
    const v4 t49 = t45 - t48;
    const v4 t50 = v4_set1(0.70710677f) * t49;
    const v4 t51 = v4_set1(2.0f) * t50;
    const v4 t52 = t0 - t2;
    const v4 t53 = t19 - t20;
    const v4 t54 = v4_set1(2.0f) * t53;
    const v4 t55 = t52 - t54;
    const v4 t56 = t51 + t55;
    v4_store(row[2], t56);
    const v4 t57 = t41 - t35;
    const v4 t58 = v4_set1(0.9238795f) * t38;
    const v4 t59 = v4_fma(v4_set1(0.38268343f), t39, t58);
    const v4 t60 = v4_set1(0.38268343f) * t32;
    const v4 t61 = v4_fma(v4_set1(0.9238795f), t33, t60);
    const v4 t62 = t59 + t61;
    const v4 t63 = t57 - t62;
    const v4 t64 = v4_set1(0.70710677f) * t63;
    const v4 t65 = v4_set1(2.0f) * t64;
    const v4 t66 = t27 + t25;
    const v4 t67 = t21 + t18;
    const v4 t68 = v4_set1(0.70710677f) * t67;
    const v4 t69 = v4_set1(2.0f) * t68;
    const v4 t70 = t66 - t69;
    const v4 t71 = t65 + t70;
    v4_store(row[3], t71);
    const v4 t72 = t3 - t7;
    const v4 t73 = t46 - t47;
    const v4 t74 = v4_set1(2.0f) * t73;
    const v4 t75 = t72 - t74;
    v4_store(row[4], t75);
    const v4 t76 = t28 - t24;
    const v4 t77 = t59 - t61;
    const v4 t78 = v4_set1(2.0f) * t77;
    const v4 t79 = t76 - t78;
    v4_store(row[5], t79);
    const v4 t80 = t54 + t52;
    const v4 t81 = t48 + t45;
    const v4 t82 = v4_set1(0.70710677f) * t81;
    const v4 t83 = v4_set1(2.0f) * t82;
    const v4 t84 = t80 - t83;
    v4_store(row[6], t84);
    const v4 t85 = t66 + t69;
    const v4 t86 = t62 + t57;
    const v4 t87 = v4_set1(0.70710677f) * t86;
    const v4 t88 = v4_set1(2.0f) * t87;
    const v4 t89 = t85 - t88;
    v4_store(row[7], t89);
}

void spectrum(const float *x, const float *kernel, float *y, void *workspace)
{
    float *const v = (float *)workspace; /* (23, 5, 8): transformed input */
    float *const m = v + 1104; /* (23, 5, 8): products */
    float *const zeros = m + 1104; /* (8,): a row outside the input */
    float *const spare = zeros + 8; /* (8,): a row after the last output */

    for (ptrdiff_t i = 0; i < 8; ++i)
        zeros[i] = 0;
    /* a block of tiles; past the last output nothing is kept */
    for (ptrdiff_t i = 0, t = 0; i < 5; ++i, t += 8)
        spectrum_forward(x, t - 4, 40, zeros, v + 8 * i);
    for (ptrdiff_t r = 0; r < 23; ++r)
        spectrum_products(v + 48 * r, kernel + 64 * r, m + 48 * r);
    for (ptrdiff_t i = 0, t = 0; i < 5; ++i, t += 8) {
        float *row[8];

        for (ptrdiff_t o = 0; o < 8; ++o)
            row[o] = t + o < 40 ? y + 8 * (t + o) : spare;
        spectrum_inverse(m + 8 * i, row, 0);
        spectrum_inverse(m + 8 * i + 4, row, 4);
    }
}

/* The transform of the taps of 8 channels: each point is a sum of doubles, tap after tap. */
static void spectrum_points(const float *kernel, float *packed)
{
    static const double matrix[23][9] = {
        { 0.0625, 0.0625, 0.0625, 0.0625, 0.0625, 0.0625, 0.0625, 0.0625, 0.0625 },
        { 0.0625, -0.0625, 0.0625, -0.0625, 0.0625, -0.0625, 0.0625, -0.0625, 0.0625 },
        { 0.0625, 0.05774247078195542, 0.044194173824159216, 0.02391771452281811, 0.0, -0.02391771452281811,
            -0.04419417382415922, -0.05774247078195542, -0.0625 },
        { -0.0625, -0.033824756259137306, 6.938893903907228e-18, 0.033824756259137306, 0.0625, 0.08166018530477354,
            0.08838834764831843, 0.08166018530477354, 0.0625 },
        { 0.0625, 0.08166018530477354, 0.08838834764831843, 0.08166018530477354, 0.0625, 0.033824756259137306,
            -6.938893903907228e-18, -0.033824756259137306, -0.0625 },
        { 0.0625, 0.04419417382415922, 0.0, -0.04419417382415922, -0.0625, -0.04419417382415922, 0.0,
            0.04419417382415922, 0.0625 },
        { -0.0625, 0.0, 0.0625, 0.08838834764831845, 0.0625, 0.0, -0.0625, -0.08838834764831845, -0.0625 },
        { 0.0625, 0.08838834764831845, 0.0625, 0.0, -0.0625, -0.08838834764831845, -0.0625, 0.0, 0.0625 },
        { 0.0625, 0.02391771452281811, -0.044194173824159216, -0.05774247078195542, 0.0, 0.05774247078195542,
            0.04419417382415922, -0.02391771452281811, -0.0625 },
        { -0.0625, 0.033824756259137306, 0.08838834764831843, 0.033824756259137306, -0.0625, -0.08166018530477354,
            -6.938893903907228e-18, 0.08166018530477354, 0.0625 },
        { 0.0625, 0.08166018530477354, 6.938893903907228e-18, -0.08166018530477354, -0.0625, 0.033824756259137306,
            0.08838834764831843, 0.033824756259137306, -0.0625 },
        { 0.0625, 0.0, -0.0625, 0.0, 0.0625, 0.0, -0.0625, 0.0, 0.0625 },
        { -0.0625, 0.0625, 0.0625, -0.0625, -0.0625, 0.0625, 0.0625, -0.0625, -0.0625 },
        { 0.0625, 0.0625, -0.0625, -0.0625, 0.0625, 0.0625, -0.0625, -0.0625, 0.0625 },
        { 0.0625, -0.02391771452281811, -0.044194173824159216, 0.05774247078195542, 0.0, -0.05774247078195542,
            0.04419417382415922, 0.02391771452281811, -0.0625 },
        { -0.0625, 0.08166018530477354, -6.938893903907228e-18, -0.08166018530477354, 0.0625, 0.033824756259137306,
            -0.08838834764831843, 0.033824756259137306, 0.0625 },
        { 0.0625, 0.033824756259137306, -0.08838834764831843, 0.033824756259137306, 0.0625, -0.08166018530477354,
            6.938893903907228e-18, 0.08166018530477354, -0.0625 },
        { 0.0625, -0.04419417382415922, 0.0, 0.04419417382415922, -0.0625, 0.04419417382415922, 0.0,
            -0.04419417382415922, 0.0625 },
        { -0.0625, 0.08838834764831845, -0.0625, 0.0, 0.0625, -0.08838834764831845, 0.0625, 0.0, -0.0625 },
        { 0.0625, 0.0, -0.0625, 0.08838834764831845, -0.0625, 0.0, 0.0625, -0.08838834764831845, 0.0625 },
        { 0.0625, -0.05774247078195542, 0.044194173824159216, -0.02391771452281811, 0.0, 0.02391771452281811,
            -0.04419417382415922, 0.05774247078195542, -0.0625 },
        { -0.0625, 0.08166018530477354, -0.08838834764831843, 0.08166018530477354, -0.0625, 0.033824756259137306,
            6.938893903907228e-18, -0.033824756259137306, 0.0625 },
        { 0.0625, -0.033824756259137306, -6.938893903907228e-18, 0.033824756259137306, -0.0625, 0.08166018530477354,
            -0.08838834764831843, 0.08166018530477354, -0.0625 },
    };
    double taps[16][9][4];

    for (ptrdiff_t c = 0; c < 8; ++c)
        for (ptrdiff_t v = 0; v < 2; ++v)
            for (ptrdiff_t k = 0; k < 9; ++k)
                for (ptrdiff_t l = 0; l < 4; ++l)
                    taps[2 * c + v][k][l] = kernel[64 * k + 8 * c + 4 * v + l];
    for (ptrdiff_t r = 0; r < 23; r += 4) {
        const ptrdiff_t row = r < 19 ? r : 19; /* the last ones may be made twice */
        const double(*const m)[9] = matrix + row;
        float *const to = packed + 64 * row;

        for (ptrdiff_t v = 0; v < 16; ++v)
            for (ptrdiff_t l = 0; l < 4; ++l) {
                double s0 = m[0][0] * taps[v][0][l];
                double s1 = m[1][0] * taps[v][0][l];
                double s2 = m[2][0] * taps[v][0][l];
                double s3 = m[3][0] * taps[v][0][l];
                s0 += m[0][1] * taps[v][1][l];
                s1 += m[1][1] * taps[v][1][l];
                s2 += m[2][1] * taps[v][1][l];
                s3 += m[3][1] * taps[v][1][l];
                s0 += m[0][2] * taps[v][2][l];
                s1 += m[1][2] * taps[v][2][l];
                s2 += m[2][2] * taps[v][2][l];
                s3 += m[3][2] * taps[v][2][l];
                s0 += m[0][3] * taps[v][3][l];
                s1 += m[1][3] * taps[v][3][l];
                s2 += m[2][3] * taps[v][3][l];
                s3 += m[3][3] * taps[v][3][l];
                s0 += m[0][4] * taps[v][4][l];
                s1 += m[1][4] * taps[v][4][l];
                s2 += m[2][4] * taps[v][4][l];
                s3 += m[3][4] * taps[v][4][l];
                s0 += m[0][5] * taps[v][5][l];
                s1 += m[1][5] * taps[v][5][l];
                s2 += m[2][5] * taps[v][5][l];
                s3 += m[3][5] * taps[v][5][l];
                s0 += m[0][6] * taps[v][6][l];
                s1 += m[1][6] * taps[v][6][l];
                s2 += m[2][6] * taps[v][6][l];
                s3 += m[3][6] * taps[v][6][l];
                s0 += m[0][7] * taps[v][7][l];
                s1 += m[1][7] * taps[v][7][l];
                s2 += m[2][7] * taps[v][7][l];
                s3 += m[3][7] * taps[v][7][l];
                s0 += m[0][8] * taps[v][8][l];
                s1 += m[1][8] * taps[v][8][l];
                s2 += m[2][8] * taps[v][8][l];
                s3 += m[3][8] * taps[v][8][l];
                to[4 * v + l] = (float)s0;
                to[4 * v + l + 64] = (float)s1;
                to[4 * v + l + 128] = (float)s2;
                to[4 * v + l + 192] = (float)s3;
            }
    }
}

void spectrum_pack(const float *kernel, float *packed)
{
    spectrum_points(kernel, packed);
}
