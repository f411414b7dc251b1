/*
 * wider: a conv1d_transpose written by gen-conv 0.1.0.
 * This file belongs to whoever generated it, to use under any licence or none.
 *
 *     input_shape = (None, 3)
 *     kernel_size = 4
 *     strides = 3
 *     padding = same
 *     activation = relu
 *     filters = 2
 *
 * computes   y[t, f] = relu(bias[f] + sum over c, and the k whose sample is a multiple of 3, of kernel[k, c, f] *
 * x[(t + k - 3) / 3, c])
 * algorithm  upsampled, 3 outputs of a filter as filters, 1365 rows at a time: direct_filters for scalar: tiles of 4
 * steps x 2 filters, 8 accumulators; direct_filters for scalar: tiles of 2 steps x 4 filters, 8 accumulators
 * kernel     Keras' with its taps in reverse, channels before filters: kernel[::-1].swapaxes(1, 2)
 * work       12 multiply-adds an output step
 * memory     104 bytes of weights (arguments), 38,528 bytes of workspace, nothing allocated
 * size       about 2,800 bytes of code, about 240 of stack (estimated for gcc -O2)
 * build      cc -std=c99 -O2 -ffp-contract=off -c wider.c
 */
#include "wider.h"

typedef float v1; /* one number, under the names of the vectors */
#define v1_set1(s) (s)

/* a <= b ? x : y in each lane, so y where a or b is NaN. */
#define v1_where(a, b, x, y) ((a) <= (b) ? (x) : (y))

/* relu: 0 where x <= 0.0, else x; NaN stays NaN. Exact. */
static inline v1 v1_relu(v1 x)
{
    const v1 above = x;
    const v1 below = v1_set1(0.0f);
    return v1_where(x, v1_set1(0.0f), below, above);
}

/* Output rows of the rewritten problem for `steps` rows. */
static ptrdiff_t wider_phases_1_out_steps(ptrdiff_t steps)
{
    const ptrdiff_t room = steps - 2;
    return steps > 0 && room >= 0 ? room + 1 : 0;
}

/* 4 output steps x 2 filters */
static void wider_phases_1_4x2(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    float a0_0 = b[0], a0_1 = b[1];
    float a1_0 = a0_0, a1_1 = a0_1;
    float a2_0 = a0_0, a2_1 = a0_1;
    float a3_0 = a0_0, a3_1 = a0_1;
    float s, w0, w1;

    /* tap 0 x 3 channels */
    w0 = w[0]; w1 = w[1];
    s = x[0]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[3]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[6]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[9]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[2]; w1 = w[3];
    s = x[1]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[4]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[7]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[10]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[4]; w1 = w[5];
    s = x[2]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[5]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[8]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[11]; a3_0 += s * w0; a3_1 += s * w1;
    /* tap 1 x 3 channels */
    w0 = w[6]; w1 = w[7];
    s = x[3]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[6]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[9]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[12]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[8]; w1 = w[9];
    s = x[4]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[7]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[10]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[13]; a3_0 += s * w0; a3_1 += s * w1;
    w0 = w[10]; w1 = w[11];
    s = x[5]; a0_0 += s * w0; a0_1 += s * w1;
    s = x[8]; a1_0 += s * w0; a1_1 += s * w1;
    s = x[11]; a2_0 += s * w0; a2_1 += s * w1;
    s = x[14]; a3_0 += s * w0; a3_1 += s * w1;
    y[0] = v1_relu(a0_0);
    y[1] = v1_relu(a0_1);
    y[2] = v1_relu(a1_0);
    y[3] = v1_relu(a1_1);
    y[4] = v1_relu(a2_0);
    y[5] = v1_relu(a2_1);
    y[6] = v1_relu(a3_0);
    y[7] = v1_relu(a3_1);
}

/* 1 output step x 2 filters at a border */
static void wider_phases_1_edge_1x2(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y, ptrdiff_t taps)
{
    float a0_0 = b[0], a0_1 = b[1];
    float s, w0, w1;

    /* the taps inside the input */
    for (ptrdiff_t k = 0; k < taps; ++k)
        for (ptrdiff_t c = 0; c < 3; ++c) {
            w0 = w[6 * k + 2 * c]; w1 = w[6 * k + 2 * c + 1];
            s = x[3 * k + c]; a0_0 += s * w0; a0_1 += s * w1;
        }
    y[0] = v1_relu(a0_0);
    y[1] = v1_relu(a0_1);
}

/* Outputs t to end - 1, too few for a tile. */
static void wider_phases_1_border_2(const float *x, const float *w,
    const float *b, float *y, ptrdiff_t t, ptrdiff_t end)
{
    while (t < end) {
        const float *from = x + 3 * t;
        wider_phases_1_edge_1x2(from, w, b, y + 2 * t, 2);
        ++t;
    }
}

static void wider_phases_1(const float *x, ptrdiff_t steps, const float *kernel, const float *bias, float *y)
{
    const ptrdiff_t outs = wider_phases_1_out_steps(steps);
    /* outputs first to last - 1 have all their taps inside the input */
    ptrdiff_t first = 0, last = outs;

    if (last - first < 4) first = last = outs; /* too few for a tile: all go through the border */
    {
        /* chunks of 128 outputs, the last one longer */
        const ptrdiff_t chunks = last - first < 128 ? last > first : (last - first) / 128;

        wider_phases_1_border_2(x, kernel, bias, y, 0, first);
        for (ptrdiff_t chunk = 0; chunk < chunks; ++chunk) {
            const ptrdiff_t from = first + 128 * chunk, to = chunk + 1 < chunks ? from + 128 : last;
            for (ptrdiff_t t = from; t < to; t += 4) {
                const ptrdiff_t at = last - t < 4 ? last - 4 : t; /* the last one overlaps */
                wider_phases_1_4x2(x + 3 * at, kernel, bias, y + 2 * at);
            }
        }
    }
}

/* Output rows of the rewritten problem for `steps` rows. */
static ptrdiff_t wider_phases_2_out_steps(ptrdiff_t steps)
{
    const ptrdiff_t room = steps - 1;
    return steps > 0 && room >= 0 ? room + 1 : 0;
}

/* 2 output steps x 4 filters */
static void wider_phases_2_2x4(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y)
{
    float a0_0 = b[0], a0_1 = b[1], a0_2 = b[2], a0_3 = b[3];
    float a1_0 = a0_0, a1_1 = a0_1, a1_2 = a0_2, a1_3 = a0_3;
    float s, w0, w1, w2, w3;

    /* tap 0 x 3 channels */
    w0 = w[0]; w1 = w[1]; w2 = w[2]; w3 = w[3];
    s = x[0]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2; a0_3 += s * w3;
    s = x[3]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2; a1_3 += s * w3;
    w0 = w[4]; w1 = w[5]; w2 = w[6]; w3 = w[7];
    s = x[1]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2; a0_3 += s * w3;
    s = x[4]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2; a1_3 += s * w3;
    w0 = w[8]; w1 = w[9]; w2 = w[10]; w3 = w[11];
    s = x[2]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2; a0_3 += s * w3;
    s = x[5]; a1_0 += s * w0; a1_1 += s * w1; a1_2 += s * w2; a1_3 += s * w3;
    y[0] = v1_relu(a0_0);
    y[1] = v1_relu(a0_1);
    y[2] = v1_relu(a0_2);
    y[3] = v1_relu(a0_3);
    y[4] = v1_relu(a1_0);
    y[5] = v1_relu(a1_1);
    y[6] = v1_relu(a1_2);
    y[7] = v1_relu(a1_3);
}

/* 1 output step x 4 filters at a border */
static void wider_phases_2_edge_1x4(const float *restrict x, const float *restrict w,
    const float *restrict b, float *restrict y, ptrdiff_t taps)
{
    float a0_0 = b[0], a0_1 = b[1], a0_2 = b[2], a0_3 = b[3];
    float s, w0, w1, w2, w3;

    /* the taps inside the input */
    for (ptrdiff_t k = 0; k < taps; ++k)
        for (ptrdiff_t c = 0; c < 3; ++c) {
            w0 = w[12 * k + 4 * c]; w1 = w[12 * k + 4 * c + 1]; w2 = w[12 * k + 4 * c + 2];
                w3 = w[12 * k + 4 * c + 3];
            s = x[3 * k + c]; a0_0 += s * w0; a0_1 += s * w1; a0_2 += s * w2; a0_3 += s * w3;
        }
    y[0] = v1_relu(a0_0);
    y[1] = v1_relu(a0_1);
    y[2] = v1_relu(a0_2);
    y[3] = v1_relu(a0_3);
}

/* Outputs t to end - 1, too few for a tile. */
static void wider_phases_2_border_4(const float *x, const float *w,
    const float *b, float *y, ptrdiff_t t, ptrdiff_t end)
{
    while (t < end) {
        const float *from = x + 3 * t;
        wider_phases_2_edge_1x4(from, w, b, y + 4 * t, 1);
        ++t;
    }
}

static void wider_phases_2(const float *x, ptrdiff_t steps, const float *kernel, const float *bias, float *y)
{
    const ptrdiff_t outs = wider_phases_2_out_steps(steps);
    /* outputs first to last - 1 have all their taps inside the input */
    ptrdiff_t first = 0, last = outs;

    if (last - first < 2) first = last = outs; /* too few for a tile: all go through the border */
    {
        /* chunks of 128 outputs, the last one longer */
        const ptrdiff_t chunks = last - first < 128 ? last > first : (last - first) / 128;

        wider_phases_2_border_4(x, kernel, bias, y, 0, first);
        for (ptrdiff_t chunk = 0; chunk < chunks; ++chunk) {
            const ptrdiff_t from = first + 128 * chunk, to = chunk + 1 < chunks ? from + 128 : last;
            for (ptrdiff_t t = from; t < to; t += 2) {
                const ptrdiff_t at = last - t < 2 ? last - 2 : t; /* the last one overlaps */
                wider_phases_2_2x4(x + 3 * at, kernel, bias, y + 4 * at);
            }
        }
    }
}

/* A part's kernel: of each of its phases every 3rd tap, from `tap` on, `step` further from phase to phase. */
static void wider_lay(const float *restrict kernel, ptrdiff_t tap, ptrdiff_t step, ptrdiff_t phases, ptrdiff_t taps,
    float *restrict to)
{
    for (ptrdiff_t k = 0; k < taps; ++k)
        for (ptrdiff_t c = 0; c < 3; ++c)
            for (ptrdiff_t i = 0; i < phases; ++i)
                for (ptrdiff_t f = 0; f < 2; ++f)
                    *to++ = kernel[6 * (tap + step * i + 3 * k) + 2 * c + f];
}

/* Samples at to at + count - 1, 3 channels; zeros outside the input. */
static void wider_panel(const float *restrict x, ptrdiff_t steps, ptrdiff_t at, ptrdiff_t count,
    float *restrict panel)
{
    const ptrdiff_t before = at < 0 ? -at : 0, first = before < count ? before : count;
    const ptrdiff_t rest = steps - at < count ? steps - at : count, last = rest > first ? rest : first;

    for (ptrdiff_t i = 0; i < 3 * first; ++i)
        panel[i] = 0;
    for (ptrdiff_t i = 3 * first; i < 3 * last; ++i)
        panel[i] = x[3 * at + i];
    for (ptrdiff_t i = 3 * last; i < 3 * count; ++i)
        panel[i] = 0;
}

/* `count` neighbouring numbers that belong at y[at]; those before y[0] and from y[end] on are left out. */
static void wider_put(const float *restrict from, ptrdiff_t count, ptrdiff_t at, ptrdiff_t end, float *restrict y)
{
    const ptrdiff_t first = at < 0 ? -at : 0, last = end - at < count ? end - at : count;

    for (ptrdiff_t i = first; i < last; ++i)
        y[at + i] = from[i];
}

void wider(const float *x, ptrdiff_t steps, const float *kernel, const float *bias, float *y, void *workspace)
{
    const ptrdiff_t outs = wider_out_steps(steps), chunks = (outs + 4094) / 4095;
    float *const panel = (float *)workspace + 32; /* (1366, 3): samples, channels */
    float *const sums = panel + 4112; /* (1365, 4): rows, phases and filters */
    float *const laid = (float *)workspace; /* the kernel, part by part */
    float *const biases = sums + 5472; /* (6,): the bias of each phase, part by part */

    wider_lay(kernel, 0, 0, 1, 2, laid);
    wider_lay(kernel, 2, -1, 2, 1, laid + 12);
    for (ptrdiff_t f = 0; f < 2; ++f)
        biases[f] = bias[f];
    for (ptrdiff_t i = 0; i < 2; ++i)
        for (ptrdiff_t f = 0; f < 2; ++f)
            biases[2 * i + f + 2] = bias[f];
    for (ptrdiff_t chunk = 0; chunk < chunks; ++chunk) {
        const ptrdiff_t from = 1365 * chunk; /* the chunk's first row, that of output 3 * from */
        const ptrdiff_t rest = (outs + 2) / 3 - from, now = rest < 1365 ? rest : 1365;
        const ptrdiff_t at = from - 1, count = now + 1; /* the samples that these read */
        const float *in = panel;

        if (at >= 0 && at + count <= steps)
            in = x + 3 * at;
        else
            wider_panel(x, steps, at, count, panel);
        wider_phases_1(in, now + 1, laid, biases, sums);
        for (ptrdiff_t i = 0; i < now; ++i)
            wider_put(sums + 2 * i, 2, 6 * (from + i), 2 * outs, y);
        wider_phases_2(in + 3, now, laid + 12, biases + 2, sums);
        for (ptrdiff_t i = 0; i < now; ++i)
            wider_put(sums + 4 * i, 4, 6 * (from + i) + 2, 2 * outs, y);
    }
}
