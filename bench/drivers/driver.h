/* What the benchmark's C drivers share: one layer in plain integers, and what a peer exports.
   codegen/bench/drivers.py has the same struct. */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <stddef.h>

typedef struct {
    ptrdiff_t batch, steps, channels, filters, kernel_size, stride, dilation, groups;
    ptrdiff_t pad_left, pad_right, outs, channels_last;
    const float *x;       /* (batch, steps, channels), or (batch, channels, steps) */
    const float *kernel;  /* (kernel_size, channels/groups, filters) */
    const float *bias;    /* (filters,), or NULL */
    float *y;             /* (batch, outs, filters), or (batch, filters, outs) */
} bench_layer;

const char *peer_version(void);
extern const int peer_variants;                          /* ways to compute a layer that are worth a trial */
void *peer_open(const bench_layer *layer, int variant);  /* prepares all that can be; NULL: not served */
void peer_run(void *state);                              /* what is timed */
void peer_close(void *state);

#endif
