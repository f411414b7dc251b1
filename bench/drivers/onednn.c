/* A peer: oneDNN 2 (Debian's libdnnl-dev), called directly: its direct convolution on the layer's own layout, the
   weights in the format that it likes best, reordered before anything is timed. */
#include "driver.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>

#if DNNL_VERSION_MAJOR != 2
#error "this driver speaks oneDNN 2's C interface"
#endif

const int peer_variants = 2; /* as a convolution in 1-D, and as one row in 2-D, which it knows better */

#define TRY(call) if ((call) != dnnl_success) goto failed

typedef struct {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t convolution;
    dnnl_memory_t x, wanted, bias, y;
    dnnl_exec_arg_t args[4];
    float *kernel; /* (groups, filters/groups, channels/groups, kernel_size), oneDNN's plain order */
} state;

/* The steps' entry from dims[at] on; in 2-D it comes after that of the one row. */
static void along(dnnl_dims_t dims, int at, int rank, dnnl_dim_t row, dnnl_dim_t steps)
{
    dims[at] = row;
    dims[at + rank - 1] = steps;
}

static dnnl_format_tag_t weights_tag(int rank, int grouped)
{
    if (rank == 1)
        return grouped ? dnnl_goiw : dnnl_oiw;
    return grouped ? dnnl_goihw : dnnl_oihw;
}

static dnnl_format_tag_t data_tag(int rank, ptrdiff_t channels_last)
{
    if (rank == 1)
        return channels_last ? dnnl_nwc : dnnl_ncw;
    return channels_last ? dnnl_nhwc : dnnl_nchw;
}

static float *plain_order(const bench_layer *l)
{
    ptrdiff_t channels = l->channels / l->groups;
    float *to = malloc(sizeof *to * (size_t)(l->filters * channels * l->kernel_size));
    for (ptrdiff_t f = 0; to && f < l->filters; f++)
        for (ptrdiff_t c = 0; c < channels; c++)
            for (ptrdiff_t k = 0; k < l->kernel_size; k++)
                to[(f * channels + c) * l->kernel_size + k] = l->kernel[(k * channels + c) * l->filters + f];
    return to;
}

/* The kernel in the format that the primitive asks for. */
static int reorder(state *s, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to)
{
    dnnl_memory_t plain = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t copy = NULL;
    TRY(dnnl_memory_create(&plain, from, s->engine, s->kernel));
    TRY(dnnl_memory_create(&s->wanted, to, s->engine, DNNL_MEMORY_ALLOCATE));
    TRY(dnnl_reorder_primitive_desc_create(&pd, from, s->engine, to, s->engine, NULL));
    TRY(dnnl_primitive_create(&copy, pd));
    dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, plain}, {DNNL_ARG_TO, s->wanted}};
    TRY(dnnl_primitive_execute(copy, s->stream, 2, args));
    TRY(dnnl_stream_wait(s->stream));
    dnnl_primitive_destroy(copy);
    dnnl_primitive_desc_destroy(pd);
    dnnl_memory_destroy(plain);
    return 1;
failed:
    return 0;
}

const char *peer_version(void)
{
    static char text[32];
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
    return text;
}

void *peer_open(const bench_layer *l, int variant)
{
    state *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    int rank = 1 + variant, depth = l->groups > 1;
    dnnl_dims_t x = {l->batch, l->channels}, y = {l->batch, l->filters}, bias = {l->filters};
    dnnl_dims_t kernel = {l->groups, l->filters / l->groups, l->channels / l->groups};
    dnnl_dims_t stride, dilation, left, right;
    along(x, 2, rank, 1, l->steps), along(y, 2, rank, 1, l->outs), along(kernel, 3, rank, 1, l->kernel_size);
    along(stride, 0, rank, 1, l->stride), along(dilation, 0, rank, 0, l->dilation - 1);
    along(left, 0, rank, 0, l->pad_left), along(right, 0, rank, 0, l->pad_right);
    const dnnl_dim_t *shape = kernel + !depth; /* groups only where there are some */
    dnnl_format_tag_t layout = data_tag(rank, l->channels_last);
    dnnl_memory_desc_t x_md, y_md, bias_md, any, plain;
    dnnl_convolution_desc_t wish;
    dnnl_primitive_desc_t pd;

    s->kernel = plain_order(l);
    TRY(dnnl_engine_create(&s->engine, dnnl_cpu, 0));
    TRY(dnnl_stream_create(&s->stream, s->engine, dnnl_stream_default_flags));
    TRY(dnnl_memory_desc_init_by_tag(&x_md, 2 + rank, x, dnnl_f32, layout));
    TRY(dnnl_memory_desc_init_by_tag(&y_md, 2 + rank, y, dnnl_f32, layout));
    TRY(dnnl_memory_desc_init_by_tag(&bias_md, 1, bias, dnnl_f32, dnnl_x));
    TRY(dnnl_memory_desc_init_by_tag(&any, 2 + rank + depth, shape, dnnl_f32, dnnl_format_tag_any));
    TRY(dnnl_memory_desc_init_by_tag(&plain, 2 + rank + depth, shape, dnnl_f32, weights_tag(rank, depth)));
    TRY(dnnl_dilated_convolution_forward_desc_init(&wish, dnnl_forward_inference, dnnl_convolution_direct, &x_md, &any,
                                                   l->bias ? &bias_md : NULL, &y_md, stride, dilation, left, right));
    TRY(dnnl_primitive_desc_create(&pd, &wish, NULL, s->engine, NULL));
    TRY(dnnl_primitive_create(&s->convolution, pd));
    if (!reorder(s, &plain, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0)))
        goto failed;
    dnnl_primitive_desc_destroy(pd);
    TRY(dnnl_memory_create(&s->x, &x_md, s->engine, (void *)l->x));
    TRY(dnnl_memory_create(&s->y, &y_md, s->engine, l->y));
    s->args[0] = (dnnl_exec_arg_t){DNNL_ARG_SRC, s->x};
    s->args[1] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, s->wanted};
    s->args[2] = (dnnl_exec_arg_t){DNNL_ARG_DST, s->y};
    if (l->bias) {
        TRY(dnnl_memory_create(&s->bias, &bias_md, s->engine, (void *)l->bias));
        s->args[3] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, s->bias};
    }
    return s;
failed:
    free(s); /* once a layer at most, in a process that ends soon: oneDNN's own objects are left to it */
    return NULL;
}

void peer_run(void *opened)
{
    state *s = opened;
    dnnl_primitive_execute(s->convolution, s->stream, s->bias ? 4 : 3, s->args);
    dnnl_stream_wait(s->stream);
}

void peer_close(void *opened)
{
    state *s = opened;
    dnnl_primitive_destroy(s->convolution);
    dnnl_memory_destroy(s->x);
    dnnl_memory_destroy(s->y);
    dnnl_memory_destroy(s->wanted);
    if (s->bias)
        dnnl_memory_destroy(s->bias);
    dnnl_stream_destroy(s->stream);
    dnnl_engine_destroy(s->engine);
    free(s->kernel);
    free(s);
}
