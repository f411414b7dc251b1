/*
 * Runs the emitted layers of examples/voice_activity.conv (weights baked) on a recording:
 * voice_activity SAMPLES OUTPUTS, both raw float32; the outputs of all stages go to OUTPUTS, one after another.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "encoder0.h"
#include "encoder1.h"
#include "encoder2.h"
#include "encoder3.h"
#include "stft.h"

enum { SAMPLES = 1 << 20, FREQUENCIES = encoder0_CHANNELS };

static float *floats(ptrdiff_t count)
{
    float *made = malloc((size_t)count * sizeof *made);
    if (!made) exit(3);
    return made;
}

int main(int count, char **words)
{
    FILE *in, *out;

    if (count != 3 || !(in = fopen(words[1], "rb")) || !(out = fopen(words[2], "wb"))) return 2;
    float *samples = floats(SAMPLES);
    const ptrdiff_t steps = (ptrdiff_t)fread(samples, sizeof *samples, SAMPLES, in);

    const ptrdiff_t frames = stft_out_steps(steps);
    float *spectrum = floats(frames * stft_FILTERS);
    float *magnitude = floats(frames * FREQUENCIES);
    stft(samples, steps, spectrum);
    for (ptrdiff_t t = 0; t < frames; ++t)
        for (ptrdiff_t f = 0; f < FREQUENCIES; ++f) {
            const float re = spectrum[t * stft_FILTERS + f], im = spectrum[t * stft_FILTERS + FREQUENCIES + f];
            magnitude[t * FREQUENCIES + f] = sqrtf(re * re + im * im);
        }

    const ptrdiff_t half = encoder1_out_steps(frames), quarter = encoder2_out_steps(half);
    float *y0 = floats(frames * encoder0_FILTERS);
    float *y1 = floats(half * encoder1_FILTERS);
    float *y2 = floats(quarter * encoder2_FILTERS);
    float *y3 = floats(quarter * encoder3_FILTERS);
    encoder0(magnitude, frames, y0);
    encoder1(y0, frames, y1);
    encoder2(y1, half, y2);
    encoder3(y2, quarter, y3);

    fwrite(spectrum, sizeof(float), (size_t)(frames * stft_FILTERS), out);
    fwrite(magnitude, sizeof(float), (size_t)(frames * FREQUENCIES), out);
    fwrite(y0, sizeof(float), (size_t)(frames * encoder0_FILTERS), out);
    fwrite(y1, sizeof(float), (size_t)(half * encoder1_FILTERS), out);
    fwrite(y2, sizeof(float), (size_t)(quarter * encoder2_FILTERS), out);
    fwrite(y3, sizeof(float), (size_t)(quarter * encoder3_FILTERS), out);
    return fclose(out) ? 4 : 0;
}
