/* A peer: LIBXSMM's batch-reduce GEMM (Debian's libxsmm-dev). A block of outputs is one call: a product over the
   channels for each tap, summed over the taps. All kernels are made, and the weights packed, before anything is timed.

   In LIBXSMM's column-major words, channels last:   y (filters, outs) += kernel (filters, channels) * x (channels, outs)
                                     channels first: y (outs, filters) += x (outs, channels) * kernel (channels, filters)
   Outputs with fewer taps inside the input are calls with a smaller batch. */
#include "driver.h"

#include <libxsmm.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    libxsmm_smmfunction_reducebatch_strd kernel;
    const float *a, *b;
    float *c;
    const float *bias;
    ptrdiff_t m, n;
    unsigned long long taps;
} block;

typedef struct {
    block *blocks;
    ptrdiff_t count, room, ldc;
    int channels_last;
    float *packed;
} state;

/* (outputs, filters) of a block, tried in turn; 0 is all of them. */
static const ptrdiff_t SIZES[][2] = {{24, 0},  {96, 0},  {384, 0}, {0, 0},  {24, 64},  {96, 64},  {384, 64},
                                     {96, 32}, {384, 32}, {0, 32}, {96, 16}, {384, 16}, {0, 16}};

const int peer_variants = sizeof SIZES / sizeof *SIZES;

static ptrdiff_t least(ptrdiff_t a, ptrdiff_t b)
{
    return a < b ? a : b;
}

/* Steps of `stride` channels each: a window whose taps lie side by side and fill whole strides has no stride left. */
static void without_stride(bench_layer *l)
{
    int whole = l->kernel_size % l->stride == 0 && l->steps % l->stride == 0 && !l->pad_left && !l->pad_right;
    if (l->channels_last && l->stride > 1 && l->dilation == 1 && l->groups == 1 && whole) {
        l->channels *= l->stride;
        l->kernel_size /= l->stride;
        l->steps /= l->stride;
        l->stride = 1;
    }
}

/* Weights of each filter block together: [block][tap][channel][filter], or [block][tap][filter][channel]. */
static void pack(const bench_layer *l, ptrdiff_t width, float *to)
{
    ptrdiff_t channels = l->channels / l->groups, group = l->filters / l->groups;
    for (ptrdiff_t g = 0; g < l->groups; g++)
        for (ptrdiff_t f0 = 0; f0 < group; f0 += width)
            for (ptrdiff_t k = 0; k < l->kernel_size; k++) {
                ptrdiff_t wide = least(width, group - f0);
                for (ptrdiff_t c = 0; c < channels; c++)
                    for (ptrdiff_t f = 0; f < wide; f++)
                        to[l->channels_last ? c * wide + f : f * channels + c] =
                            l->kernel[(k * channels + c) * l->filters + g * group + f0 + f];
                to += wide * channels;
            }
}

static void taps(const bench_layer *l, ptrdiff_t t, ptrdiff_t *first, ptrdiff_t *last)
{
    ptrdiff_t start = t * l->stride - l->pad_left;
    for (*first = 0; *first < l->kernel_size && start + *first * l->dilation < 0; ++*first) {}
    for (*last = l->kernel_size; *last > *first && start + (*last - 1) * l->dilation >= l->steps; --*last) {}
}

static int add(state *s, const bench_layer *l, ptrdiff_t sample, ptrdiff_t t, ptrdiff_t outs, ptrdiff_t f,
               ptrdiff_t filters, const float *weights)
{
    ptrdiff_t first, last, channels = l->channels / l->groups, group = f / (l->filters / l->groups);
    taps(l, t, &first, &last);
    ptrdiff_t at = t * l->stride - l->pad_left + first * l->dilation;
    const float *x = l->x + sample * l->steps * l->channels;
    float *y = l->y + sample * l->outs * l->filters;
    int item = sizeof(float), lda, ldb, ldc, m, n, a_step, b_step, panel = (int)(channels * filters) * item;
    block *b = &s->blocks[s->count++];
    weights += first * channels * filters;
    if (l->channels_last) {
        m = (int)filters, n = (int)outs, lda = m, ldb = (int)(l->stride * l->channels), ldc = (int)l->filters;
        a_step = panel, b_step = (int)(l->dilation * l->channels) * item;
        b->a = weights, b->b = x + at * l->channels + group * channels, b->c = y + t * l->filters + f;
    } else {
        m = (int)outs, n = (int)filters, lda = (int)l->steps, ldb = (int)channels, ldc = (int)l->outs;
        a_step = (int)l->dilation * item, b_step = panel;
        b->a = x + group * channels * l->steps + at, b->b = weights, b->c = y + f * l->outs + t;
    }
    b->m = m, b->n = n, b->taps = (unsigned long long)(last - first), b->bias = l->bias ? l->bias + f : NULL;
    s->ldc = ldc;
    if (last == first)
        return 1; /* all padding: the bias alone */
    float one = 1.0f;
    b->kernel = libxsmm_smmdispatch_reducebatch_strd(m, n, (int)channels, a_step, b_step, &lda, &ldb, &ldc, &one, &one,
                                                     NULL, NULL);
    return b->kernel != NULL;
}

/* The blocks of one sample: runs of outputs with the same taps, cut to size, and all filter blocks of each. */
static int plan(state *s, const bench_layer *l, ptrdiff_t sample, ptrdiff_t height, ptrdiff_t width)
{
    ptrdiff_t group = l->filters / l->groups, terms = l->kernel_size * (l->channels / l->groups), end;
    for (ptrdiff_t t = 0; t < l->outs; t = end) {
        ptrdiff_t first, last, other_first, other_last;
        taps(l, t, &first, &last);
        for (end = t + 1; end < least(l->outs, t + height); end++) {
            taps(l, end, &other_first, &other_last);
            if (other_first != first || other_last != last)
                break;
        }
        const float *weights = s->packed;
        for (ptrdiff_t g = 0; g < l->groups; g++)
            for (ptrdiff_t f = 0; f < group; f += width) {
                ptrdiff_t wide = least(width, group - f);
                if (!add(s, l, sample, t, end - t, g * group + f, wide, weights))
                    return 0;
                weights += wide * terms;
            }
    }
    return 1;
}

const char *peer_version(void)
{
    return LIBXSMM_VERSION;
}

void *peer_open(const bench_layer *given, int variant)
{
    bench_layer l = *given;
    without_stride(&l);
    ptrdiff_t group = l.filters / l.groups;
    ptrdiff_t height = SIZES[variant][0] ? SIZES[variant][0] : l.outs;
    ptrdiff_t width = SIZES[variant][1] ? SIZES[variant][1] : group;
    int same = (SIZES[variant][0] && height >= l.outs) || (SIZES[variant][1] && width >= group); /* as another's */
    int depthwise = l.groups > 1 && l.groups == l.channels, strided_rows = !l.channels_last && l.stride > 1;
    if (same || depthwise || strided_rows)
        return NULL;
    state *s = calloc(1, sizeof *s);
    s->channels_last = (int)l.channels_last;
    s->room = l.batch * l.groups * ((group + width - 1) / width) * (l.outs / height + 1 + 2 * l.kernel_size);
    s->blocks = calloc((size_t)s->room, sizeof *s->blocks);
    s->packed = aligned_alloc(64, sizeof(float) * (size_t)(l.kernel_size * l.channels * group + 16) / 64 * 64 + 64);
    libxsmm_init();
    pack(&l, width, s->packed);
    for (ptrdiff_t n = 0; n < l.batch; n++)
        if (!plan(s, &l, n, height, width)) {
            peer_close(s);
            return NULL;
        }
    return s;
}

void peer_run(void *opened)
{
    const state *s = opened;
    for (const block *b = s->blocks; b < s->blocks + s->count; b++) {
        for (ptrdiff_t j = 0; j < b->n; j++) {
            float *column = b->c + j * s->ldc;
            if (!b->bias)
                memset(column, 0, sizeof(float) * (size_t)b->m);
            else if (s->channels_last)
                memcpy(column, b->bias, sizeof(float) * (size_t)b->m);
            else
                for (ptrdiff_t i = 0; i < b->m; i++)
                    column[i] = b->bias[j];
        }
        if (b->taps)
            b->kernel(b->a, b->b, b->c, &b->taps);
    }
}

void peer_close(void *opened)
{
    state *s = opened;
    free(s->blocks);
    free(s->packed);
    free(s);
}
