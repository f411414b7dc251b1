/*
 * filters: a depthwise_conv1d written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (500, 2)
 *     kernel_size = 60
 *     strides = 1
 *     padding = causal
 *     activation = linear
 *
 * computes   y[t, f] = bias[f] + sum over k of kernel[k, 0, f] * x[t + k - 59, f]
 * algorithm  overlap_save FFT128 for sse2: 64 outputs a block, 1 part of the kernel, vectors of 2 blocks of 2
 * groups, 1 vector at a time, 1.0 times direct's rounding error
 * work       60,000 multiply-adds a call
 * memory     2,088 bytes of weights (arguments, as packed), 40,144 bytes of workspace, nothing allocated
 * size       about 12,000 bytes of code, about 900 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -msse2 -c filters.c
 */
#include "filters.h"

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

/* exp(-2 pi i j k / 128) for k < 8, j < 16: real part, imaginary part */
static const float filters_turns[256] = {
    1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f,
    1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f,
    1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f,
    1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f,
    1.0f, 0.0f, 0.99879545f, -0.049067676f, 0.9951847f, -0.09801714f, 0.9891765f, -0.14673047f,
    0.98078525f, -0.19509032f, 0.97003126f, -0.24298018f, 0.95694035f, -0.29028466f, 0.94154406f, -0.33688986f,
    0.9238795f, -0.38268343f, 0.9039893f, -0.42755508f, 0.8819213f, -0.47139674f, 0.8577286f, -0.51410276f,
    0.8314696f, -0.55557024f, 0.8032075f, -0.5956993f, 0.77301043f, -0.6343933f, 0.7409511f, -0.671559f,
    1.0f, 0.0f, 0.9951847f, -0.09801714f, 0.98078525f, -0.19509032f, 0.95694035f, -0.29028466f,
    0.9238795f, -0.38268343f, 0.8819213f, -0.47139674f, 0.8314696f, -0.55557024f, 0.77301043f, -0.6343933f,
    0.70710677f, -0.70710677f, 0.6343933f, -0.77301043f, 0.55557024f, -0.8314696f, 0.47139674f, -0.8819213f,
    0.38268343f, -0.9238795f, 0.29028466f, -0.95694035f, 0.19509032f, -0.98078525f, 0.09801714f, -0.9951847f,
    1.0f, 0.0f, 0.9891765f, -0.14673047f, 0.95694035f, -0.29028466f, 0.9039893f, -0.42755508f,
    0.8314696f, -0.55557024f, 0.7409511f, -0.671559f, 0.6343933f, -0.77301043f, 0.51410276f, -0.8577286f,
    0.38268343f, -0.9238795f, 0.24298018f, -0.97003126f, 0.09801714f, -0.9951847f, -0.049067676f, -0.99879545f,
    -0.19509032f, -0.98078525f, -0.33688986f, -0.94154406f, -0.47139674f, -0.8819213f, -0.5956993f, -0.8032075f,
    1.0f, 0.0f, 0.98078525f, -0.19509032f, 0.9238795f, -0.38268343f, 0.8314696f, -0.55557024f,
    0.70710677f, -0.70710677f, 0.55557024f, -0.8314696f, 0.38268343f, -0.9238795f, 0.19509032f, -0.98078525f,
    0.0f, -1.0f, -0.19509032f, -0.98078525f, -0.38268343f, -0.9238795f, -0.55557024f, -0.8314696f,
    -0.70710677f, -0.70710677f, -0.8314696f, -0.55557024f, -0.9238795f, -0.38268343f, -0.98078525f, -0.19509032f,
    1.0f, 0.0f, 0.97003126f, -0.24298018f, 0.8819213f, -0.47139674f, 0.7409511f, -0.671559f,
    0.55557024f, -0.8314696f, 0.33688986f, -0.94154406f, 0.09801714f, -0.9951847f, -0.14673047f, -0.9891765f,
    -0.38268343f, -0.9238795f, -0.5956993f, -0.8032075f, -0.77301043f, -0.6343933f, -0.9039893f, -0.42755508f,
    -0.98078525f, -0.19509032f, -0.99879545f, 0.049067676f, -0.95694035f, 0.29028466f, -0.8577286f, 0.51410276f,
    1.0f, 0.0f, 0.95694035f, -0.29028466f, 0.8314696f, -0.55557024f, 0.6343933f, -0.77301043f,
    0.38268343f, -0.9238795f, 0.09801714f, -0.9951847f, -0.19509032f, -0.98078525f, -0.47139674f, -0.8819213f,
    -0.70710677f, -0.70710677f, -0.8819213f, -0.47139674f, -0.98078525f, -0.19509032f, -0.9951847f, 0.09801714f,
    -0.9238795f, 0.38268343f, -0.77301043f, 0.6343933f, -0.55557024f, 0.8314696f, -0.29028466f, 0.95694035f,
    1.0f, 0.0f, 0.94154406f, -0.33688986f, 0.77301043f, -0.6343933f, 0.51410276f, -0.8577286f,
    0.19509032f, -0.98078525f, -0.14673047f, -0.9891765f, -0.47139674f, -0.8819213f, -0.7409511f, -0.671559f,
    -0.9238795f, -0.38268343f, -0.99879545f, -0.049067676f, -0.95694035f, 0.29028466f, -0.8032075f, 0.5956993f,
    -0.55557024f, 0.8314696f, -0.24298018f, 0.97003126f, 0.09801714f, 0.9951847f, 0.42755508f, 0.9039893f
};

/* 64 samples of 2 channels from sample `at` on as a column of a panel; zeros outside the input. */
static void filters_gather(const float *x, ptrdiff_t steps, ptrdiff_t at, float *restrict column)
{
    const int inside = at >= 0 && at + 63 < steps;

    for (ptrdiff_t i = 0; i < 4; ++i)
        for (ptrdiff_t j = 0; j < 16; ++j) {
            const ptrdiff_t t = at + (16 * i + j);
            float *const to = column + (196 * i + 12 * j);

            if (inside || (t >= 0 && t < steps)) {
                to[0] = x[2 * t];
                to[1] = x[2 * t + 1];
            } else {
                to[0] = 0;
                to[1] = 0;
            }
        }
}

/* `count` outputs of a column of a panel to their places. */
static void filters_scatter(const float *column, ptrdiff_t count, float *restrict y)
{
    for (ptrdiff_t i = 0; 16 * i < count; ++i)
        for (ptrdiff_t j = 0; j < 16 && 16 * i + j < count; ++j) {
            const ptrdiff_t n = 16 * i + j;
            const float *const from = column + (196 * i + 12 * j);
            y[2 * n] = from[0];
            y[2 * n + 1] = from[1];
        }
}

/* The first level of a transform: every 16th of 128 samples to 8 bins. */
static void filters_first(const float *now, const float *next, float *restrict wave)
{
    for (ptrdiff_t j = 0; j < 16; ++j) {
        const v4 x0 = v4_load(now + 12 * j);
        const v4 x8 = v4_load(next + 12 * j);
        const v4 t0 = x0 + x8;
        const v4 x4 = v4_load(now + 12 * j + 392);
        const v4 x12 = v4_load(next + 12 * j + 392);
        const v4 t1 = x4 + x12;
        const v4 t2 = t0 + t1;
        const v4 x2 = v4_load(now + 12 * j + 196);
        const v4 x10 = v4_load(next + 12 * j + 196);
        const v4 t3 = x2 + x10;
        const v4 x6 = v4_load(now + 12 * j + 588);
        const v4 x14 = v4_load(next + 12 * j + 588);
        const v4 t4 = x6 + x14;
        const v4 t5 = t3 + t4;
        const v4 t6 = t2 + t5;
        const v4 x1 = v4_load(now + 12 * j + 6);
        const v4 x9 = v4_load(next + 12 * j + 6);
        const v4 t7 = x1 + x9;
        const v4 x5 = v4_load(now + 12 * j + 398);
        const v4 x13 = v4_load(next + 12 * j + 398);
        const v4 t8 = x5 + x13;
        const v4 t9 = t7 + t8;
        const v4 x3 = v4_load(now + 12 * j + 202);
        const v4 x11 = v4_load(next + 12 * j + 202);
        const v4 t10 = x3 + x11;
        const v4 x7 = v4_load(now + 12 * j + 594);
        const v4 x15 = v4_load(next + 12 * j + 594);
        const v4 t11 = x7 + x15;
        const v4 t12 = t10 + t11;
        const v4 t13 = t9 + t12;
        v4_store(wave + 8 * j, t6);
        v4_store(wave + 8 * j + 4, t13);
        const v4 t14 = x2 - x10;
        const v4 t15 = x7 - x15;
        const v4 t16 = t14 + t15;
        const v4 t17 = x3 - x11;
        const v4 t18 = x14 - x6;
        const v4 t19 = t17 + t18;
        const v4 t20 = t16 + t19;
        const v4 t21 = x0 - x8;
        const v4 t22 = x5 - x13;
        const v4 t23 = t21 + t22;
        const v4 t24 = v4_fma(v4_set1(0.70710677f), t20, t23);
        const v4 t25 = t19 - t16;
        const v4 t26 = x1 - x9;
        const v4 t27 = x12 - x4;
        const v4 t28 = t26 + t27;
        const v4 t29 = v4_fma(v4_set1(0.70710677f), t25, t28);
        const v4 c1 = v4_set1(filters_turns[2 * j + 32]), s1 = v4_set1(filters_turns[2 * j + 33]);
        v4_store(wave + 8 * j + 132, v4_fma(c1, t24, -(s1 * t29)));
        v4_store(wave + 8 * j + 136, v4_fma(c1, t29, s1 * t24));
        const v4 t30 = t0 - t1;
        const v4 t31 = t10 - t11;
        const v4 t32 = t30 + t31;
        const v4 t33 = t7 - t8;
        const v4 t34 = t4 - t3;
        const v4 t35 = t33 + t34;
        const v4 c2 = v4_set1(filters_turns[2 * j + 64]), s2 = v4_set1(filters_turns[2 * j + 65]);
        v4_store(wave + 8 * j + 264, v4_fma(c2, t32, -(s2 * t35)));
        v4_store(wave + 8 * j + 268, v4_fma(c2, t35, s2 * t32));
        const v4 t36 = t17 - t18;
        const v4 t37 = t14 - t15;
        const v4 t38 = t36 - t37;
        const v4 t39 = t21 - t22;
        const v4 t40 = v4_fma(v4_set1(0.70710677f), t38, t39);
        const v4 t41 = t37 + t36;
        const v4 t42 = t26 - t27;
        const v4 t43 = v4_fma(v4_set1(-0.70710677f), t41, t42);
        const v4 c3 = v4_set1(filters_turns[2 * j + 96]), s3 = v4_set1(filters_turns[2 * j + 97]);
        v4_store(wave + 8 * j + 396, v4_fma(c3, t40, -(s3 * t43)));
        v4_store(wave + 8 * j + 400, v4_fma(c3, t43, s3 * t40));
        const v4 t44 = t2 - t5;
        const v4 t45 = t9 - t12;
        const v4 c4 = v4_set1(filters_turns[2 * j + 128]), s4 = v4_set1(filters_turns[2 * j + 129]);
        v4_store(wave + 8 * j + 528, v4_fma(c4, t44, -(s4 * t45)));
        v4_store(wave + 8 * j + 532, v4_fma(c4, t45, s4 * t44));
        const v4 t46 = v4_fma(v4_set1(-0.70710677f), t20, t23);
        const v4 t47 = v4_fma(v4_set1(-0.70710677f), t25, t28);
        const v4 c5 = v4_set1(filters_turns[2 * j + 160]), s5 = v4_set1(filters_turns[2 * j + 161]);
        v4_store(wave + 8 * j + 660, v4_fma(c5, t46, -(s5 * t47)));
        v4_store(wave + 8 * j + 664, v4_fma(c5, t47, s5 * t46));
        const v4 t48 = t30 - t31;
        const v4 t49 = t33 - t34;
        const v4 c6 = v4_set1(filters_turns[2 * j + 192]), s6 = v4_set1(filters_turns[2 * j + 193]);
        v4_store(wave + 8 * j + 792, v4_fma(c6, t48, -(s6 * t49)));
        v4_store(wave + 8 * j + 796, v4_fma(c6, t49, s6 * t48));
        const v4 t50 = v4_fma(v4_set1(-0.70710677f), t38, t39);
        const v4 t51 = v4_fma(v4_set1(0.70710677f), t41, t42);
        const v4 c7 = v4_set1(filters_turns[2 * j + 224]), s7 = v4_set1(filters_turns[2 * j + 225]);
        v4_store(wave + 8 * j + 924, v4_fma(c7, t50, -(s7 * t51)));
        v4_store(wave + 8 * j + 928, v4_fma(c7, t51, s7 * t50));
    }
}

/* The second level: bins of the first one to 16 bins of the spectrum. */
static void filters_second(const float *restrict wave, float *restrict spectra)
{
    for (ptrdiff_t k = 0; k < 8; ++k) {
        const v4 x0 = v4_load(wave + 132 * k);
        const v4 x16 = v4_load(wave + 132 * k + 64);
        const v4 t0 = x0 + x16;
        const v4 x8 = v4_load(wave + 132 * k + 32);
        const v4 x24 = v4_load(wave + 132 * k + 96);
        const v4 t1 = x8 + x24;
        const v4 t2 = t0 + t1;
        const v4 x4 = v4_load(wave + 132 * k + 16);
        const v4 x20 = v4_load(wave + 132 * k + 80);
        const v4 t3 = x4 + x20;
        const v4 x12 = v4_load(wave + 132 * k + 48);
        const v4 x28 = v4_load(wave + 132 * k + 112);
        const v4 t4 = x12 + x28;
        const v4 t5 = t3 + t4;
        const v4 t6 = t2 + t5;
        const v4 x2 = v4_load(wave + 132 * k + 8);
        const v4 x18 = v4_load(wave + 132 * k + 72);
        const v4 t7 = x2 + x18;
        const v4 x10 = v4_load(wave + 132 * k + 40);
        const v4 x26 = v4_load(wave + 132 * k + 104);
        const v4 t8 = x10 + x26;
        const v4 t9 = t7 + t8;
        const v4 x6 = v4_load(wave + 132 * k + 24);
        const v4 x22 = v4_load(wave + 132 * k + 88);
        const v4 t10 = x6 + x22;
        const v4 x14 = v4_load(wave + 132 * k + 56);
        const v4 x30 = v4_load(wave + 132 * k + 120);
        const v4 t11 = x14 + x30;
        const v4 t12 = t10 + t11;
        const v4 t13 = t9 + t12;
        const v4 t14 = t6 + t13;
        v4_store(spectra + 512 * k, t14);
        const v4 x1 = v4_load(wave + 132 * k + 4);
        const v4 x17 = v4_load(wave + 132 * k + 68);
        const v4 t15 = x1 + x17;
        const v4 x9 = v4_load(wave + 132 * k + 36);
        const v4 x25 = v4_load(wave + 132 * k + 100);
        const v4 t16 = x9 + x25;
        const v4 t17 = t15 + t16;
        const v4 x5 = v4_load(wave + 132 * k + 20);
        const v4 x21 = v4_load(wave + 132 * k + 84);
        const v4 t18 = x5 + x21;
        const v4 x13 = v4_load(wave + 132 * k + 52);
        const v4 x29 = v4_load(wave + 132 * k + 116);
        const v4 t19 = x13 + x29;
        const v4 t20 = t18 + t19;
        const v4 t21 = t17 + t20;
        const v4 x3 = v4_load(wave + 132 * k + 12);
        const v4 x19 = v4_load(wave + 132 * k + 76);
        const v4 t22 = x3 + x19;
        const v4 x11 = v4_load(wave + 132 * k + 44);
        const v4 x27 = v4_load(wave + 132 * k + 108);
        const v4 t23 = x11 + x27;
        const v4 t24 = t22 + t23;
        const v4 x7 = v4_load(wave + 132 * k + 28);
        const v4 x23 = v4_load(wave + 132 * k + 92);
        const v4 t25 = x7 + x23;
        const v4 x15 = v4_load(wave + 132 * k + 60);
        const v4 x31 = v4_load(wave + 132 * k + 124);
        const v4 t26 = x15 + x31;
        const v4 t27 = t25 + t26;
        const v4 t28 = t24 + t27;
        const v4 t29 = t21 + t28;
        v4_store(spectra + 512 * k + 16, t29);
        const v4 t30 = x7 - x23;
        const v4 t31 = x30 - x14;
        const v4 t32 = t30 + t31;
        const v4 t33 = x6 - x22;
        const v4 t34 = x15 - x31;
        const v4 t35 = t33 + t34;
        const v4 t36 = t32 - t35;
        const v4 t37 = x3 - x19;
        const v4 t38 = x26 - x10;
        const v4 t39 = t37 + t38;
        const v4 t40 = v4_fma(v4_set1(0.70710677f), t36, t39);
        const v4 t41 = t35 + t32;
        const v4 t42 = x2 - x18;
        const v4 t43 = x11 - x27;
        const v4 t44 = t42 + t43;
        const v4 t45 = v4_fma(v4_set1(0.70710677f), t41, t44);
        const v4 t46 = x4 - x20;
        const v4 t47 = x13 - x29;
        const v4 t48 = t46 + t47;
        const v4 t49 = x5 - x21;
        const v4 t50 = x28 - x12;
        const v4 t51 = t49 + t50;
        const v4 t52 = t48 + t51;
        const v4 t53 = x0 - x16;
        const v4 t54 = x9 - x25;
        const v4 t55 = t53 + t54;
        const v4 t56 = v4_fma(v4_set1(0.70710677f), t52, t55);
        const v4 t57 = v4_fma(v4_set1(0.9238795f), t45, t56);
        const v4 t58 = v4_fma(v4_set1(0.38268343f), t40, t57);
        v4_store(spectra + 512 * k + 32, t58);
        const v4 t59 = t51 - t48;
        const v4 t60 = x1 - x17;
        const v4 t61 = x24 - x8;
        const v4 t62 = t60 + t61;
        const v4 t63 = v4_fma(v4_set1(0.70710677f), t59, t62);
        const v4 t64 = v4_fma(v4_set1(0.9238795f), t40, t63);
        const v4 t65 = v4_fma(v4_set1(-0.38268343f), t45, t64);
        v4_store(spectra + 512 * k + 48, t65);
        const v4 t66 = t7 - t8;
        const v4 t67 = t25 - t26;
        const v4 t68 = t66 + t67;
        const v4 t69 = t22 - t23;
        const v4 t70 = t11 - t10;
        const v4 t71 = t69 + t70;
        const v4 t72 = t68 + t71;
        const v4 t73 = t0 - t1;
        const v4 t74 = t18 - t19;
        const v4 t75 = t73 + t74;
        const v4 t76 = v4_fma(v4_set1(0.70710677f), t72, t75);
        v4_store(spectra + 512 * k + 64, t76);
        const v4 t77 = t71 - t68;
        const v4 t78 = t15 - t16;
        const v4 t79 = t4 - t3;
        const v4 t80 = t78 + t79;
        const v4 t81 = v4_fma(v4_set1(0.70710677f), t77, t80);
        v4_store(spectra + 512 * k + 80, t81);
        const v4 t82 = t33 - t34;
        const v4 t83 = t30 - t31;
        const v4 t84 = t82 + t83;
        const v4 t85 = t37 - t38;
        const v4 t86 = v4_fma(v4_set1(-0.70710677f), t84, t85);
        const v4 t87 = t83 - t82;
        const v4 t88 = t42 - t43;
        const v4 t89 = v4_fma(v4_set1(0.70710677f), t87, t88);
        const v4 t90 = t49 - t50;
        const v4 t91 = t46 - t47;
        const v4 t92 = t90 - t91;
        const v4 t93 = t53 - t54;
        const v4 t94 = v4_fma(v4_set1(0.70710677f), t92, t93);
        const v4 t95 = v4_fma(v4_set1(0.38268343f), t89, t94);
        const v4 t96 = v4_fma(v4_set1(0.9238795f), t86, t95);
        v4_store(spectra + 512 * k + 96, t96);
        const v4 t97 = t91 + t90;
        const v4 t98 = t60 - t61;
        const v4 t99 = v4_fma(v4_set1(-0.70710677f), t97, t98);
        const v4 t100 = v4_fma(v4_set1(0.38268343f), t86, t99);
        const v4 t101 = v4_fma(v4_set1(-0.9238795f), t89, t100);
        v4_store(spectra + 512 * k + 112, t101);
        const v4 t102 = t2 - t5;
        const v4 t103 = t24 - t27;
        const v4 t104 = t102 + t103;
        v4_store(spectra + 512 * k + 128, t104);
        const v4 t105 = t17 - t20;
        const v4 t106 = t12 - t9;
        const v4 t107 = t105 + t106;
        v4_store(spectra + 512 * k + 144, t107);
        const v4 t108 = v4_fma(v4_set1(-0.70710677f), t36, t39);
        const v4 t109 = v4_fma(v4_set1(-0.70710677f), t41, t44);
        const v4 t110 = v4_fma(v4_set1(-0.70710677f), t52, t55);
        const v4 t111 = v4_fma(v4_set1(-0.38268343f), t109, t110);
        const v4 t112 = v4_fma(v4_set1(0.9238795f), t108, t111);
        v4_store(spectra + 512 * k + 160, t112);
        const v4 t113 = v4_fma(v4_set1(-0.70710677f), t59, t62);
        const v4 t114 = v4_fma(v4_set1(-0.38268343f), t108, t113);
        const v4 t115 = v4_fma(v4_set1(-0.9238795f), t109, t114);
        v4_store(spectra + 512 * k + 176, t115);
        const v4 t116 = t69 - t70;
        const v4 t117 = t66 - t67;
        const v4 t118 = t116 - t117;
        const v4 t119 = t73 - t74;
        const v4 t120 = v4_fma(v4_set1(0.70710677f), t118, t119);
        v4_store(spectra + 512 * k + 192, t120);
        const v4 t121 = t117 + t116;
        const v4 t122 = t78 - t79;
        const v4 t123 = v4_fma(v4_set1(-0.70710677f), t121, t122);
        v4_store(spectra + 512 * k + 208, t123);
        const v4 t124 = v4_fma(v4_set1(0.70710677f), t84, t85);
        const v4 t125 = v4_fma(v4_set1(-0.70710677f), t87, t88);
        const v4 t126 = v4_fma(v4_set1(-0.70710677f), t92, t93);
        const v4 t127 = v4_fma(v4_set1(-0.9238795f), t125, t126);
        const v4 t128 = v4_fma(v4_set1(0.38268343f), t124, t127);
        v4_store(spectra + 512 * k + 224, t128);
        const v4 t129 = v4_fma(v4_set1(0.70710677f), t97, t98);
        const v4 t130 = v4_fma(v4_set1(-0.9238795f), t124, t129);
        const v4 t131 = v4_fma(v4_set1(-0.38268343f), t125, t130);
        v4_store(spectra + 512 * k + 240, t131);
        const v4 t132 = t6 - t13;
        v4_store(spectra + 512 * k + 256, t132);
        const v4 t133 = t21 - t28;
        v4_store(spectra + 512 * k + 272, t133);
        const v4 t134 = v4_fma(v4_set1(2.0f), t56, -t58);
        v4_store(spectra + 512 * k + 288, t134);
        const v4 t135 = v4_fma(v4_set1(2.0f), t63, -t65);
        v4_store(spectra + 512 * k + 304, t135);
        const v4 t136 = v4_fma(v4_set1(-0.70710677f), t72, t75);
        v4_store(spectra + 512 * k + 320, t136);
        const v4 t137 = v4_fma(v4_set1(-0.70710677f), t77, t80);
        v4_store(spectra + 512 * k + 336, t137);
        const v4 t138 = v4_fma(v4_set1(2.0f), t94, -t96);
        v4_store(spectra + 512 * k + 352, t138);
        const v4 t139 = v4_fma(v4_set1(2.0f), t99, -t101);
        v4_store(spectra + 512 * k + 368, t139);
        const v4 t140 = t102 - t103;
        v4_store(spectra + 512 * k + 384, t140);
        const v4 t141 = t105 - t106;
        v4_store(spectra + 512 * k + 400, t141);
        const v4 t142 = v4_fma(v4_set1(2.0f), t110, -t112);
        v4_store(spectra + 512 * k + 416, t142);
        const v4 t143 = v4_fma(v4_set1(2.0f), t113, -t115);
        v4_store(spectra + 512 * k + 432, t143);
        const v4 t144 = v4_fma(v4_set1(-0.70710677f), t118, t119);
        v4_store(spectra + 512 * k + 448, t144);
        const v4 t145 = v4_fma(v4_set1(0.70710677f), t121, t122);
        v4_store(spectra + 512 * k + 464, t145);
        const v4 t146 = v4_fma(v4_set1(2.0f), t126, -t128);
        v4_store(spectra + 512 * k + 480, t146);
        const v4 t147 = v4_fma(v4_set1(2.0f), t129, -t131);
        v4_store(spectra + 512 * k + 496, t147);
    }
}

/* The way back: sums of products to the second level's samples, */
static void filters_back(const float *restrict sums, float *restrict wave)
{
    for (ptrdiff_t k = 0; k < 8; ++k) {
        const v4 x0 = v4_load(sums + 512 * k + 16);
        const v4 x16 = v4_load(sums + 512 * k + 272);
        const v4 t0 = x0 + x16;
        const v4 x8 = v4_load(sums + 512 * k + 144);
        const v4 x24 = v4_load(sums + 512 * k + 400);
        const v4 t1 = x8 + x24;
        const v4 t2 = t0 + t1;
        const v4 x4 = v4_load(sums + 512 * k + 80);
        const v4 x20 = v4_load(sums + 512 * k + 336);
        const v4 t3 = x4 + x20;
        const v4 x12 = v4_load(sums + 512 * k + 208);
        const v4 x28 = v4_load(sums + 512 * k + 464);
        const v4 t4 = x12 + x28;
        const v4 t5 = t3 + t4;
        const v4 t6 = t2 + t5;
        const v4 x2 = v4_load(sums + 512 * k + 48);
        const v4 x18 = v4_load(sums + 512 * k + 304);
        const v4 t7 = x2 + x18;
        const v4 x10 = v4_load(sums + 512 * k + 176);
        const v4 x26 = v4_load(sums + 512 * k + 432);
        const v4 t8 = x10 + x26;
        const v4 t9 = t7 + t8;
        const v4 x6 = v4_load(sums + 512 * k + 112);
        const v4 x22 = v4_load(sums + 512 * k + 368);
        const v4 t10 = x6 + x22;
        const v4 x14 = v4_load(sums + 512 * k + 240);
        const v4 x30 = v4_load(sums + 512 * k + 496);
        const v4 t11 = x14 + x30;
        const v4 t12 = t10 + t11;
        const v4 t13 = t9 + t12;
        const v4 t14 = t6 + t13;
        const v4 x1 = v4_load(sums + 512 * k);
        const v4 x17 = v4_load(sums + 512 * k + 256);
        const v4 t15 = x1 + x17;
        const v4 x9 = v4_load(sums + 512 * k + 128);
        const v4 x25 = v4_load(sums + 512 * k + 384);
        const v4 t16 = x9 + x25;
        const v4 t17 = t15 + t16;
        const v4 x5 = v4_load(sums + 512 * k + 64);
        const v4 x21 = v4_load(sums + 512 * k + 320);
        const v4 t18 = x5 + x21;
        const v4 x13 = v4_load(sums + 512 * k + 192);
        const v4 x29 = v4_load(sums + 512 * k + 448);
        const v4 t19 = x13 + x29;
        const v4 t20 = t18 + t19;
        const v4 t21 = t17 + t20;
        const v4 x3 = v4_load(sums + 512 * k + 32);
        const v4 x19 = v4_load(sums + 512 * k + 288);
        const v4 t22 = x3 + x19;
        const v4 x11 = v4_load(sums + 512 * k + 160);
        const v4 x27 = v4_load(sums + 512 * k + 416);
        const v4 t23 = x11 + x27;
        const v4 t24 = t22 + t23;
        const v4 x7 = v4_load(sums + 512 * k + 96);
        const v4 x23 = v4_load(sums + 512 * k + 352);
        const v4 t25 = x7 + x23;
        const v4 x15 = v4_load(sums + 512 * k + 224);
        const v4 x31 = v4_load(sums + 512 * k + 480);
        const v4 t26 = x15 + x31;
        const v4 t27 = t25 + t26;
        const v4 t28 = t24 + t27;
        const v4 t29 = t21 + t28;
        v4_store(wave + 132 * k, t14);
        v4_store(wave + 132 * k + 4, t29);
        const v4 t30 = x7 - x23;
        const v4 t31 = x30 - x14;
        const v4 t32 = t30 + t31;
        const v4 t33 = x6 - x22;
        const v4 t34 = x15 - x31;
        const v4 t35 = t33 + t34;
        const v4 t36 = t32 - t35;
        const v4 t37 = x3 - x19;
        const v4 t38 = x26 - x10;
        const v4 t39 = t37 + t38;
        const v4 t40 = v4_fma(v4_set1(0.70710677f), t36, t39);
        const v4 t41 = t35 + t32;
        const v4 t42 = x2 - x18;
        const v4 t43 = x11 - x27;
        const v4 t44 = t42 + t43;
        const v4 t45 = v4_fma(v4_set1(0.70710677f), t41, t44);
        const v4 t46 = x4 - x20;
        const v4 t47 = x13 - x29;
        const v4 t48 = t46 + t47;
        const v4 t49 = x5 - x21;
        const v4 t50 = x28 - x12;
        const v4 t51 = t49 + t50;
        const v4 t52 = t48 + t51;
        const v4 t53 = x0 - x16;
        const v4 t54 = x9 - x25;
        const v4 t55 = t53 + t54;
        const v4 t56 = v4_fma(v4_set1(0.70710677f), t52, t55);
        const v4 t57 = v4_fma(v4_set1(0.9238795f), t45, t56);
        const v4 t58 = v4_fma(v4_set1(0.38268343f), t40, t57);
        const v4 t59 = t51 - t48;
        const v4 t60 = x1 - x17;
        const v4 t61 = x24 - x8;
        const v4 t62 = t60 + t61;
        const v4 t63 = v4_fma(v4_set1(0.70710677f), t59, t62);
        const v4 t64 = v4_fma(v4_set1(0.9238795f), t40, t63);
        const v4 t65 = v4_fma(v4_set1(-0.38268343f), t45, t64);
        const v4 c1 = v4_set1(filters_turns[32 * k + 2]), s1 = v4_set1(filters_turns[32 * k + 3]);
        v4_store(wave + 132 * k + 8, v4_fma(c1, t58, -(s1 * t65)));
        v4_store(wave + 132 * k + 12, v4_fma(c1, t65, s1 * t58));
        const v4 t66 = t7 - t8;
        const v4 t67 = t25 - t26;
        const v4 t68 = t66 + t67;
        const v4 t69 = t22 - t23;
        const v4 t70 = t11 - t10;
        const v4 t71 = t69 + t70;
        const v4 t72 = t68 + t71;
        const v4 t73 = t0 - t1;
        const v4 t74 = t18 - t19;
        const v4 t75 = t73 + t74;
        const v4 t76 = v4_fma(v4_set1(0.70710677f), t72, t75);
        const v4 t77 = t71 - t68;
        const v4 t78 = t15 - t16;
        const v4 t79 = t4 - t3;
        const v4 t80 = t78 + t79;
        const v4 t81 = v4_fma(v4_set1(0.70710677f), t77, t80);
        const v4 c2 = v4_set1(filters_turns[32 * k + 4]), s2 = v4_set1(filters_turns[32 * k + 5]);
        v4_store(wave + 132 * k + 16, v4_fma(c2, t76, -(s2 * t81)));
        v4_store(wave + 132 * k + 20, v4_fma(c2, t81, s2 * t76));
        const v4 t82 = t33 - t34;
        const v4 t83 = t30 - t31;
        const v4 t84 = t82 + t83;
        const v4 t85 = t37 - t38;
        const v4 t86 = v4_fma(v4_set1(-0.70710677f), t84, t85);
        const v4 t87 = t83 - t82;
        const v4 t88 = t42 - t43;
        const v4 t89 = v4_fma(v4_set1(0.70710677f), t87, t88);
        const v4 t90 = t49 - t50;
        const v4 t91 = t46 - t47;
        const v4 t92 = t90 - t91;
        const v4 t93 = t53 - t54;
        const v4 t94 = v4_fma(v4_set1(0.70710677f), t92, t93);
        const v4 t95 = v4_fma(v4_set1(0.38268343f), t89, t94);
        const v4 t96 = v4_fma(v4_set1(0.9238795f), t86, t95);
        const v4 t97 = t91 + t90;
        const v4 t98 = t60 - t61;
        const v4 t99 = v4_fma(v4_set1(-0.70710677f), t97, t98);
        const v4 t100 = v4_fma(v4_set1(0.38268343f), t86, t99);
        const v4 t101 = v4_fma(v4_set1(-0.9238795f), t89, t100);
        const v4 c3 = v4_set1(filters_turns[32 * k + 6]), s3 = v4_set1(filters_turns[32 * k + 7]);
        v4_store(wave + 132 * k + 24, v4_fma(c3, t96, -(s3 * t101)));
        v4_store(wave + 132 * k + 28, v4_fma(c3, t101, s3 * t96));
        const v4 t102 = t2 - t5;
        const v4 t103 = t24 - t27;
        const v4 t104 = t102 + t103;
        const v4 t105 = t17 - t20;
        const v4 t106 = t12 - t9;
        const v4 t107 = t105 + t106;
        const v4 c4 = v4_set1(filters_turns[32 * k + 8]), s4 = v4_set1(filters_turns[32 * k + 9]);
        v4_store(wave + 132 * k + 32, v4_fma(c4, t104, -(s4 * t107)));
        v4_store(wave + 132 * k + 36, v4_fma(c4, t107, s4 * t104));
        const v4 t108 = v4_fma(v4_set1(-0.70710677f), t36, t39);
        const v4 t109 = v4_fma(v4_set1(-0.70710677f), t41, t44);
        const v4 t110 = v4_fma(v4_set1(-0.70710677f), t52, t55);
        const v4 t111 = v4_fma(v4_set1(-0.38268343f), t109, t110);
        const v4 t112 = v4_fma(v4_set1(0.9238795f), t108, t111);
        const v4 t113 = v4_fma(v4_set1(-0.70710677f), t59, t62);
        const v4 t114 = v4_fma(v4_set1(-0.38268343f), t108, t113);
        const v4 t115 = v4_fma(v4_set1(-0.9238795f), t109, t114);
        const v4 c5 = v4_set1(filters_turns[32 * k + 10]), s5 = v4_set1(filters_turns[32 * k + 11]);
        v4_store(wave + 132 * k + 40, v4_fma(c5, t112, -(s5 * t115)));
        v4_store(wave + 132 * k + 44, v4_fma(c5, t115, s5 * t112));
        const v4 t116 = t69 - t70;
        const v4 t117 = t66 - t67;
        const v4 t118 = t116 - t117;
        const v4 t119 = t73 - t74;
        const v4 t120 = v4_fma(v4_set1(0.70710677f), t118, t119);
        const v4 t121 = t117 + t116;
        const v4 t122 = t78 - t79;
        const v4 t123 = v4_fma(v4_set1(-0.70710677f), t121, t122);
        const v4 c6 = v4_set1(filters_turns[32 * k + 12]), s6 = v4_set1(filters_turns[32 * k + 13]);
        v4_store(wave + 132 * k + 48, v4_fma(c6, t120, -(s6 * t123)));
        v4_store(wave + 132 * k + 52, v4_fma(c6, t123, s6 * t120));
        const v4 t124 = v4_fma(v4_set1(0.70710677f), t84, t85);
        const v4 t125 = v4_fma(v4_set1(-0.70710677f), t87, t88);
        const v4 t126 = v4_fma(v4_set1(-0.70710677f), t92, t93);
        const v4 t127 = v4_fma(v4_set1(-0.9238795f), t125, t126);
        const v4 t128 = v4_fma(v4_set1(0.38268343f), t124, t127);
        const v4 t129 = v4_fma(v4_set1(0.70710677f), t97, t98);
        const v4 t130 = v4_fma(v4_set1(-0.9238795f), t124, t129);
        const v4 t131 = v4_fma(v4_set1(-0.38268343f), t125, t130);
        const v4 c7 = v4_set1(filters_turns[32 * k + 14]), s7 = v4_set1(filters_turns[32 * k + 15]);
        v4_store(wave + 132 * k + 56, v4_fma(c7, t128, -(s7 * t131)));
        v4_store(wave + 132 * k + 60, v4_fma(c7, t131, s7 * t128));
        const v4 t132 = t6 - t13;
        const v4 t133 = t21 - t28;
        const v4 c8 = v4_set1(filters_turns[32 * k + 16]), s8 = v4_set1(filters_turns[32 * k + 17]);
        v4_store(wave + 132 * k + 64, v4_fma(c8, t132, -(s8 * t133)));
        v4_store(wave + 132 * k + 68, v4_fma(c8, t133, s8 * t132));
        const v4 t134 = v4_fma(v4_set1(2.0f), t56, -t58);
        const v4 t135 = v4_fma(v4_set1(2.0f), t63, -t65);
        const v4 c9 = v4_set1(filters_turns[32 * k + 18]), s9 = v4_set1(filters_turns[32 * k + 19]);
        v4_store(wave + 132 * k + 72, v4_fma(c9, t134, -(s9 * t135)));
        v4_store(wave + 132 * k + 76, v4_fma(c9, t135, s9 * t134));
        const v4 t136 = v4_fma(v4_set1(-0.70710677f), t72, t75);
        const v4 t137 = v4_fma(v4_set1(-0.70710677f), t77, t80);
        const v4 c10 = v4_set1(filters_turns[32 * k + 20]), s10 = v4_set1(filters_turns[32 * k + 21]);
        v4_store(wave + 132 * k + 80, v4_fma(c10, t136, -(s10 * t137)));
        v4_store(wave + 132 * k + 84, v4_fma(c10, t137, s10 * t136));
        const v4 t138 = v4_fma(v4_set1(2.0f), t94, -t96);
        const v4 t139 = v4_fma(v4_set1(2.0f), t99, -t101);
        const v4 c11 = v4_set1(filters_turns[32 * k + 22]), s11 = v4_set1(filters_turns[32 * k + 23]);
        v4_store(wave + 132 * k + 88, v4_fma(c11, t138, -(s11 * t139)));
        v4_store(wave + 132 * k + 92, v4_fma(c11, t139, s11 * t138));
        const v4 t140 = t102 - t103;
        const v4 t141 = t105 - t106;
        const v4 c12 = v4_set1(filters_turns[32 * k + 24]), s12 = v4_set1(filters_turns[32 * k + 25]);
        v4_store(wave + 132 * k + 96, v4_fma(c12, t140, -(s12 * t141)));
        v4_store(wave + 132 * k + 100, v4_fma(c12, t141, s12 * t140));
        const v4 t142 = v4_fma(v4_set1(2.0f), t110, -t112);
        const v4 t143 = v4_fma(v4_set1(2.0f), t113, -t115);
        const v4 c13 = v4_set1(filters_turns[32 * k + 26]), s13 = v4_set1(filters_turns[32 * k + 27]);
        v4_store(wave + 132 * k + 104, v4_fma(c13, t142, -(s13 * t143)));
        v4_store(wave + 132 * k + 108, v4_fma(c13, t143, s13 * t142));
        const v4 t144 = v4_fma(v4_set1(-0.70710677f), t118, t119);
        const v4 t145 = v4_fma(v4_set1(0.70710677f), t121, t122);
        const v4 c14 = v4_set1(filters_turns[32 * k + 28]), s14 = v4_set1(filters_turns[32 * k + 29]);
        v4_store(wave + 132 * k + 112, v4_fma(c14, t144, -(s14 * t145)));
        v4_store(wave + 132 * k + 116, v4_fma(c14, t145, s14 * t144));
        const v4 t146 = v4_fma(v4_set1(2.0f), t126, -t128);
        const v4 t147 = v4_fma(v4_set1(2.0f), t129, -t131);
        const v4 c15 = v4_set1(filters_turns[32 * k + 30]), s15 = v4_set1(filters_turns[32 * k + 31]);
        v4_store(wave + 132 * k + 120, v4_fma(c15, t146, -(s15 * t147)));
        v4_store(wave + 132 * k + 124, v4_fma(c15, t147, s15 * t146));
    }
}

/* and these to 64 outputs. */
static void filters_last(const float *restrict wave, const float *restrict bias, float *restrict panel)
{
    const v4 b = v4_load(bias);

    for (ptrdiff_t j = 0; j < 16; ++j) {
        const v4 x0 = v4_load(wave + 8 * j);
        const v4 x8 = v4_load(wave + 8 * j + 528);
        const v4 t0 = x0 + x8;
        const v4 x4 = v4_load(wave + 8 * j + 264);
        const v4 x12 = v4_load(wave + 8 * j + 792);
        const v4 t1 = x4 + x12;
        const v4 t2 = t0 + t1;
        const v4 x2 = v4_load(wave + 8 * j + 132);
        const v4 x10 = v4_load(wave + 8 * j + 660);
        const v4 t3 = x2 + x10;
        const v4 x6 = v4_load(wave + 8 * j + 396);
        const v4 x14 = v4_load(wave + 8 * j + 924);
        const v4 t4 = x6 + x14;
        const v4 t5 = t3 + t4;
        const v4 t6 = t2 + t5;
        v4_store(panel + 12 * j + 6, t6 + b);
        const v4 x1 = v4_load(wave + 8 * j + 4);
        const v4 x9 = v4_load(wave + 8 * j + 532);
        const v4 t7 = x1 + x9;
        const v4 x5 = v4_load(wave + 8 * j + 268);
        const v4 x13 = v4_load(wave + 8 * j + 796);
        const v4 t8 = x5 + x13;
        const v4 t9 = t7 + t8;
        const v4 x3 = v4_load(wave + 8 * j + 136);
        const v4 x11 = v4_load(wave + 8 * j + 664);
        const v4 t10 = x3 + x11;
        const v4 x7 = v4_load(wave + 8 * j + 400);
        const v4 x15 = v4_load(wave + 8 * j + 928);
        const v4 t11 = x7 + x15;
        const v4 t12 = t10 + t11;
        const v4 t13 = t9 + t12;
        v4_store(panel + 12 * j, t13 + b);
        const v4 t14 = x2 - x10;
        const v4 t15 = x7 - x15;
        const v4 t16 = t14 + t15;
        const v4 t17 = x3 - x11;
        const v4 t18 = x14 - x6;
        const v4 t19 = t17 + t18;
        const v4 t20 = t16 + t19;
        const v4 t21 = x0 - x8;
        const v4 t22 = x5 - x13;
        const v4 t23 = t21 + t22;
        const v4 t24 = v4_fma(v4_set1(0.70710677f), t20, t23);
        v4_store(panel + 12 * j + 202, t24 + b);
        const v4 t25 = t19 - t16;
        const v4 t26 = x1 - x9;
        const v4 t27 = x12 - x4;
        const v4 t28 = t26 + t27;
        const v4 t29 = v4_fma(v4_set1(0.70710677f), t25, t28);
        v4_store(panel + 12 * j + 196, t29 + b);
        const v4 t30 = t0 - t1;
        const v4 t31 = t10 - t11;
        const v4 t32 = t30 + t31;
        v4_store(panel + 12 * j + 398, t32 + b);
        const v4 t33 = t7 - t8;
        const v4 t34 = t4 - t3;
        const v4 t35 = t33 + t34;
        v4_store(panel + 12 * j + 392, t35 + b);
        const v4 t36 = t17 - t18;
        const v4 t37 = t14 - t15;
        const v4 t38 = t36 - t37;
        const v4 t39 = t21 - t22;
        const v4 t40 = v4_fma(v4_set1(0.70710677f), t38, t39);
        v4_store(panel + 12 * j + 594, t40 + b);
        const v4 t41 = t37 + t36;
        const v4 t42 = t26 - t27;
        const v4 t43 = v4_fma(v4_set1(-0.70710677f), t41, t42);
        v4_store(panel + 12 * j + 588, t43 + b);
    }
}

/* Sums over the parts of the kernel: weights times the spectra of as many later blocks, for two mirrored bins. */
static void filters_products(const float *restrict spectra, const float *restrict w, float *restrict sums,
    ptrdiff_t columns)
{
    for (ptrdiff_t f = 0; f < 65; ++f) {
        const ptrdiff_t k = f % 8 * 16 + f / 8, mirror = (128 - f) % 128;
        const ptrdiff_t m = mirror % 8 * 16 + mirror / 8;
        const float *const near = spectra + 32 * k, *const far = spectra + 32 * m;
        float *const to_near = sums + 32 * k, *const to_far = sums + 32 * m;

        for (ptrdiff_t v = 0; v < columns; ++v) {
            v4 a_re = v4_set1(0), a_im = a_re, b_re = a_re, b_im = a_re;

            const float *const u = w + (8 * f);
            const v4 c = v4_load(u), d = v4_load(u + 4);
            const v4 ax = v4_load(near), ay = v4_load(near + 16);
            a_re = v4_fma(c, ax, a_re);
            a_re = v4_fma(-d, ay, a_re);
            a_im = v4_fma(c, ay, a_im);
            a_im = v4_fma(d, ax, a_im);
            const v4 bx = v4_load(far), by = v4_load(far + 16);
            b_re = v4_fma(c, bx, b_re);
            b_re = v4_fma(d, by, b_re);
            b_im = v4_fma(c, by, b_im);
            b_im = v4_fma(-d, bx, b_im);
            v4_store(to_near, a_re);
            v4_store(to_near + 16, a_im);
            v4_store(to_far, b_re);
            v4_store(to_far + 16, b_im);
        }
    }
}

void filters(const float *x, const float *kernel, const float *bias, float *y, void *workspace)
{
    const ptrdiff_t half = 4; /* blocks of 64 outputs in each half of the outputs */
    const ptrdiff_t rounds = 2, chunks = 2; /* 2 blocks of each half a round */
    const ptrdiff_t begin = 0, end = chunks;
    float *const spectra = (float *)workspace;
    float *const sums = spectra + 4096, *const wave = sums + 4096, *const panel = wave + 1056;
    float *const biases = panel + 784;

    for (ptrdiff_t chunk = begin; chunk < end; ++chunk) {
        const ptrdiff_t round = chunk % rounds, now = 2 * round; /* the first block */
        const ptrdiff_t live = half - now < 2 ? half - now : 2;
        const ptrdiff_t columns = (live + 1) / 2, until = (live + 1) / 2;

        for (ptrdiff_t v = 0; v < until; ++v) {
            for (ptrdiff_t h = 0; h < 2; ++h)
                for (ptrdiff_t j = 0; j <= 2; ++j) {
                    const ptrdiff_t block = now + 2 * v + j + half * h;

                    filters_gather(x, 500, 64 * block - 59, panel + 6 * h + 2 * j);
                }
            filters_first(panel, panel + 2, wave);
            filters_second(wave, spectra);
        }
        for (ptrdiff_t l = 0; l < 4; ++l)
            biases[l] = bias[l % 2];
        filters_products(spectra, kernel, sums, columns);
        for (ptrdiff_t v = 0; v < columns; ++v) {
            filters_back(sums + 4 * v, wave);
            filters_last(wave, biases, panel);
            for (ptrdiff_t h = 0; h < 2; ++h)
                for (ptrdiff_t j = 0; j < 2; ++j) {
                    const ptrdiff_t own = now + 2 * v + j, block = own + half * h;
                    const ptrdiff_t t = 64 * block, rest = 500 - t;
                    const ptrdiff_t count = own < half && t < 500 ? (rest < 64 ? rest : 64) : 0;

                    filters_scatter(panel + (6 * h + 2 * j), count, y + 2 * t);
                }
        }
    }
}
