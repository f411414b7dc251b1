/* gen-conv's calls of the way back, version 1: what its loader passes to a compiled gradient, whatever the layer. */
typedef struct genconv_dkernel_call_v1 {
    const void *x, *dz;         /* the input; the gradient of the sums */
    void *dkernel, *workspace;  /* written; workspace or NULL */
    ptrdiff_t batch;            /* samples */
} genconv_dkernel_call_v1;
void genconv_dkernel_v1(const genconv_dkernel_call_v1 *call);

typedef struct genconv_dz_call_v1 {
    const void *dy, *z;          /* the gradient of the output; the sums, or NULL where nothing follows them */
    const void *const *operands; /* what the stages of the epilogue read, in their order */
    void *dz;                    /* written; NULL where nothing follows the sums: dz is dy then */
    void *const *gradients;      /* those of the operands in the same order, written */
    ptrdiff_t batch;             /* samples */
} genconv_dz_call_v1;
void genconv_dz_v1(const genconv_dz_call_v1 *call);
