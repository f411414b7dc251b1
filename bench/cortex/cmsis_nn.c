/* One layer by CMSIS-NN's wrappers: its numbers stand above, as macros and tables. Built for a board, and for a host
 * with ROOM, where only the size of the buffer is asked for. */
#include "arm_nnfunctions.h"

#define JOINED(a, b) a##b
#define NAMED(a, b) JOINED(a, b)

#if DEPTHWISE
#define PARAMETERS cmsis_nn_dw_conv_params
#define WRAPPER arm_depthwise_conv_wrapper_s8
#else
#define PARAMETERS cmsis_nn_conv_params
#define WRAPPER arm_convolve_wrapper_s8
#endif

static const PARAMETERS how = {
    .input_offset = -INPUT_ZERO,
    .output_offset = OUTPUT_ZERO,
#if DEPTHWISE
    .ch_mult = FILTERS / CHANNELS,
#endif
    .stride = {STRIDE, 1},
    .padding = {PAD, 0},
    .dilation = {DILATION, 1},
    .activation = {LOW, HIGH},
};
static const cmsis_nn_dims input = {1, 1, STEPS, CHANNELS}, output = {1, 1, OUT_STEPS, FILTERS};
static const cmsis_nn_dims biases = {1, 1, 1, FILTERS};
#if DEPTHWISE
static const cmsis_nn_dims filter = {1, 1, TAPS, FILTERS};
#else
static const cmsis_nn_dims filter = {FILTERS, 1, TAPS, CHANNELS / GROUPS};
#endif

#ifdef ROOM
int32_t NAMED(NAME, _room)(void)
{
    return NAMED(WRAPPER, ROOM)(&how, &input, &filter, &output);
}
#else
void NAME(const int8_t *x, int8_t *y, void *workspace)
{
    const cmsis_nn_context room = {workspace, WORKSPACE};
    const cmsis_nn_per_channel_quant_params scales = {(int32_t *)multipliers, (int32_t *)shifts};

#if ANY_SHAPE /* what the wrapper takes for it does not serve this shape */
    arm_convolve_s8(&room, &how, &scales, &input, x, &filter, kernel, &biases, bias, NULL, &output, y);
#else
    WRAPPER(&room, &how, &scales, &input, x, &filter, kernel, &biases, bias, &output, y);
#endif
}
#endif
