/* gen-conv's call, version 1: what its loader passes to a compiled kernel, whatever the layer. */
typedef struct genconv_call_v1 {
    const void *x, *kernel, *bias; /* kernel as the plan packs it; bias or NULL */
    void *y, *workspace;           /* workspace or NULL */
    ptrdiff_t batch, steps;        /* samples; input steps of each */
    ptrdiff_t slice, slices;       /* which part of the work, of how many; read by sliced kernels only */
} genconv_call_v1;
void genconv_run_v1(const genconv_call_v1 *call);

/* A kernel of Keras' shape, laid out as genconv_run_v1 reads it; of libraries that pack themselves. */
void genconv_pack_v1(const void *kernel, void *packed);

/* The same of one part, by its number, where parts for several lengths each have a packed kernel of their own. */
void genconv_pack_part_v1(const void *kernel, void *packed, ptrdiff_t part);
