/*
 * A network in an audio callback: the layers of wavenet.conv as streams, one block after the other.
 *
 *     gen-conv examples/wavenet.conv --stream --block 64 --init -o build
 *     cc -std=c99 -O2 -ffp-contract=off -Ibuild examples/audio_callback.c build/[a-z]*.c -lm -o amp && ./amp 64 480000
 *
 * Every layer is causal: each sample that comes in gives one that goes out, whatever the host's block is. All that is
 * kept lies in `struct amp`, which may be copied; nothing here allocates, locks or calls the system.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "first.h"
#include "dilated_2.h"
#include "dilated_4.h"
#include "dilated_8.h"
#include "dilated_16.h"
#include "dilated_32.h"
#include "dilated_64.h"
#include "dilated_128.h"
#include "dilated_256.h"
#include "dilated_512.h"
#include "last.h"

#define DILATED(X) X(2) X(4) X(8) X(16) X(32) X(64) X(128) X(256) X(512)
#define FRAMES FIRST_BLOCK /* of a piece; a host's block may be longer */
#define STATE(n) dilated_##n##_state dilated_##n;
#define RESET(n) dilated_##n##_reset(&amp->dilated_##n);
#define PROCESS(n) dilated_##n##_process(&amp->dilated_##n, now, frames, next); swap = now; now = next; next = swap;

struct amp {
    first_state first;
    DILATED(STATE)
    last_state last;
    float rows[2][FRAMES * FIRST_FILTERS]; /* between two layers */
};

static void amp_reset(struct amp *amp)
{
    first_reset(&amp->first);
    DILATED(RESET)
    last_reset(&amp->last);
}

/* What a host calls: as many samples out as in. */
static void callback(struct amp *amp, const float *in, float *out, ptrdiff_t count)
{
    for (ptrdiff_t at = 0, frames; at < count; at += frames) {
        float *now = amp->rows[0], *next = amp->rows[1], *swap;

        frames = count - at < FRAMES ? count - at : FRAMES;
        first_process(&amp->first, in + at, frames, now);
        DILATED(PROCESS)
        last_process(&amp->last, now, frames, out + at);
    }
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* amp BLOCK SAMPLES: a hash of all outputs, which no block changes, and the median and the worst call. The last block is
   shorter where BLOCK does not divide SAMPLES. */
int main(int count, char **words)
{
    static struct amp amp;
    const long block = count > 1 ? atol(words[1]) : 64, samples = count > 2 ? atol(words[2]) : 480000;
    const long calls = block > 0 && samples > 0 ? (samples - 1) / block + 1 : 0;
    float *in = malloc((size_t)(block > 0 ? block : 1) * sizeof *in), *out = malloc((size_t)(block > 0 ? block : 1) * sizeof *out);
    double *took = malloc((size_t)(calls > 0 ? calls : 1) * sizeof *took);
    uint64_t hash = 1469598103934665603u;

    if (calls < 1 || !in || !out || !took)
        return 1;
    for (long i = 0; i < block; ++i)
        in[i] = 0.0f;
    amp_reset(&amp);
    for (int blocks = 0; blocks < 100; ++blocks) /* code, weights and rooms are in memory when the first call comes */
        callback(&amp, in, out, block);
    amp_reset(&amp);
    for (long call = 0; call < calls; ++call) {
        const long frames = samples - call * block < block ? samples - call * block : block;
        struct timespec before, after;

        for (long i = 0; i < frames; ++i)
            in[i] = (float)((call * block + i) * 7919 % 2001 - 1000) / 1000.0f;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
        callback(&amp, in, out, frames);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
        took[call] = (double)(after.tv_sec - before.tv_sec) * 1e6 + (double)(after.tv_nsec - before.tv_nsec) * 1e-3;
        for (size_t i = 0; i < (size_t)frames * sizeof *out; ++i)
            hash = (hash ^ ((const unsigned char *)out)[i]) * 1099511628211u;
    }
    qsort(took, (size_t)calls, sizeof *took, by_size);
    printf("outputs %016llx\n", (unsigned long long)hash);
    printf("median %.1f us, worst %.1f us, 999 of 1,000 within %.1f us\n", took[calls / 2], took[calls - 1], took[calls * 999 / 1000]);
    free(in);
    free(out);
    free(took);
    return 0;
}
