/* gen-conv's call of a causal convolution with state, version 1: what its loader passes, whatever the channels. */
typedef struct genconv_causal_call_v1 {
    const void *x, *past, *kernel, *bias; /* past or NULL; (channels, taps); bias or NULL */
    void *y, *present;
    ptrdiff_t batch, steps;               /* samples; input steps of each */
} genconv_causal_call_v1;
void genconv_causal_v1(const genconv_causal_call_v1 *call);
