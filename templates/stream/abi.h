/* gen-conv's calls of a stream, version 1: what its loader passes to a compiled one, whatever the layer. */
typedef struct genconv_stream_call_v1 {
    const void *x, *kernel, *bias; /* a block; kernel as the plan packs it; bias or NULL */
    void *y, *states;              /* y; a state for each sample, one behind the other */
    ptrdiff_t batch, steps, room;  /* samples; input steps of each; output steps that y has room for in each */
    ptrdiff_t outs, state_bytes;   /* answers: output steps of each; bytes of one state */
} genconv_stream_call_v1;
void genconv_reset_v1(genconv_stream_call_v1 *call);
void genconv_prewarm_v1(genconv_stream_call_v1 *call);
void genconv_process_v1(genconv_stream_call_v1 *call);
void genconv_flush_v1(genconv_stream_call_v1 *call);
