/* A peer: the loops that one would write by hand, with every size a constant (-DSTEPS=… and so on) and the widest axis
   innermost, for gcc -O3 -march=native to vectorise. */
#include "driver.h"

const int peer_variants = 1;

#define TAP(at) ((at) >= 0 && (at) < STEPS)

/* One sample; at is where output t's tap k lies in the input. */
#if GROUPS > 1
/* depthwise, channels last */
static void sample(const float *restrict kernel, const float *restrict bias, const float *restrict x, float *restrict y)
{
    for (ptrdiff_t t = 0; t < OUTS; t++) {
        ptrdiff_t start = t * STRIDE - PAD;
        if (start >= 0 && start + (KERNEL - 1) * DILATION < STEPS) {
            for (ptrdiff_t f = 0; f < FILTERS; f++) {
                float sum = BIAS ? bias[f] : 0.0f;
                for (ptrdiff_t k = 0; k < KERNEL; k++)
                    sum += kernel[k * FILTERS + f] * x[(start + k * DILATION) * CHANNELS + f];
                y[t * FILTERS + f] = sum;
            }
            continue;
        }
        for (ptrdiff_t f = 0; f < FILTERS; f++)
            y[t * FILTERS + f] = BIAS ? bias[f] : 0.0f;
        for (ptrdiff_t k = 0; k < KERNEL; k++)
            if (TAP(start + k * DILATION))
                for (ptrdiff_t f = 0; f < FILTERS; f++)
                    y[t * FILTERS + f] += kernel[k * FILTERS + f] * x[(start + k * DILATION) * CHANNELS + f];
    }
}
#elif CHANNELS_LAST && FILTERS > 1
static void sample(const float *restrict kernel, const float *restrict bias, const float *restrict x, float *restrict y)
{
    for (ptrdiff_t t = 0; t < OUTS; t++) {
        float sums[FILTERS];
        for (ptrdiff_t f = 0; f < FILTERS; f++)
            sums[f] = BIAS ? bias[f] : 0.0f;
        for (ptrdiff_t k = 0; k < KERNEL; k++) {
            ptrdiff_t at = t * STRIDE - PAD + k * DILATION;
            if (TAP(at))
                for (ptrdiff_t c = 0; c < CHANNELS; c++)
                    for (ptrdiff_t f = 0; f < FILTERS; f++)
                        sums[f] += x[at * CHANNELS + c] * kernel[(k * CHANNELS + c) * FILTERS + f];
        }
        for (ptrdiff_t f = 0; f < FILTERS; f++)
            y[t * FILTERS + f] = sums[f];
    }
}
#else
/* channels first, or one channel to one filter */
static void sample(const float *restrict kernel, const float *restrict bias, const float *restrict x, float *restrict y)
{
    for (ptrdiff_t f = 0; f < FILTERS; f++) {
        float *row = y + f * OUTS;
        for (ptrdiff_t t = 0; t < OUTS; t++)
            row[t] = BIAS ? bias[f] : 0.0f;
        for (ptrdiff_t c = 0; c < CHANNELS; c++)
            for (ptrdiff_t k = 0; k < KERNEL; k++) {
                ptrdiff_t shift = k * DILATION - PAD, room = STEPS - 1 - shift;
                ptrdiff_t first = shift < 0 ? (STRIDE - 1 - shift) / STRIDE : 0;
                ptrdiff_t last = room < 0 ? 0 : room / STRIDE + 1 < OUTS ? room / STRIDE + 1 : OUTS;
                float weight = kernel[(k * CHANNELS + c) * FILTERS + f];
                for (ptrdiff_t t = first; t < last; t++)
                    row[t] += weight * x[c * STEPS + t * STRIDE + shift];
            }
    }
}
#endif

const char *peer_version(void)
{
    return __VERSION__;
}

void *peer_open(const bench_layer *layer, int variant)
{
    int dense = GROUPS == 1, depthwise = GROUPS == CHANNELS && FILTERS == CHANNELS && CHANNELS_LAST;
    (void)variant;
    return dense || depthwise ? (void *)layer : NULL;
}

void peer_run(void *state)
{
    const bench_layer *l = state;
    for (ptrdiff_t n = 0; n < l->batch; n++)
        sample(l->kernel, l->bias, l->x + n * STEPS * CHANNELS, l->y + n * OUTS * FILTERS);
}

void peer_close(void *state)
{
    (void)state;
}
