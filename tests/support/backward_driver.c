/*
 * Runs emitted backward functions on the calls of one file and writes what they made to another:
 * driver CALLS OUTPUTS
 *
 * Every buffer lies between two pages that may not be touched, once against the upper and once against the lower one;
 * inputs are read-only, the workspace holds NaN; both runs must give the same bits. dkernel and dbias start at what the
 * file says, as the functions add to them; dbias is the bias, too.
 *
 * Compiled with a file that defines `layers` (tests/test_backward_c.py). A call is the layer's number and the bytes of x,
 * z, dy, kernel, dkernel, dbias and the workspace (int64 each), then x, z, dy, kernel, dkernel and dbias. The output is
 * z, dz, dx, dkernel, dbias.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backward_driver.h"

enum { X, Z, DY, KERNEL, DKERNEL, DBIAS, GIVEN, WORKSPACE = GIVEN, DZ, DX, BUFFERS };

static size_t page;

static void fail(const char *what, int64_t call)
{
    fprintf(stderr, "driver: call %lld: %s\n", (long long)call, what);
    exit(3);
}

/* `size` bytes against the upper or the lower of two guard pages; *base and *mapped are for munmap. */
static unsigned char *guarded(size_t size, int upper, unsigned char **base, size_t *mapped)
{
    const size_t inside = (size + page - 1) / page * page;

    *mapped = inside + 2 * page;
    *base = mmap(NULL, *mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (*base == MAP_FAILED || (inside && mprotect(*base + page, inside, PROT_READ | PROT_WRITE)))
        fail("no memory", -1);
    memset(*base + page, 0xFF, inside); /* NaN */
    return *base + page + (upper ? inside - size : 0);
}

static void read_all(void *to, size_t size, FILE *file, int64_t call)
{
    if (size && fread(to, 1, size, file) != size)
        fail("short file", call);
}

static void run(const int64_t *head, unsigned char **given, int upper, unsigned char **made, int64_t call)
{
    unsigned char *base[BUFFERS], *at[BUFFERS];
    size_t mapped[BUFFERS], size[BUFFERS];
    const struct layer *layer = &layers[head[0]];
    unsigned char *out = *made;
    static const int written[] = {Z, DZ, DX, DKERNEL, DBIAS};

    for (int i = 0; i <= WORKSPACE; ++i)
        size[i] = (size_t)head[1 + i];
    size[DZ] = size[DY];
    size[DX] = size[X];
    for (int i = 0; i < BUFFERS; ++i) {
        at[i] = guarded(size[i], upper, &base[i], &mapped[i]);
        if (i < GIVEN)
            memcpy(at[i], given[i], size[i]);
        if (i < DKERNEL && i != Z && mprotect(base[i], mapped[i] - page, PROT_READ))
            fail("mprotect", call);
    }
    memcpy(at[DZ], given[DY], size[DY]); /* a linear layer's dz is dy */
    layer->before(at[X], at[KERNEL], at[DBIAS], at[Z], at[WORKSPACE]); /* a linear layer's z is what the file says */
    layer->output(at[Z], at[DY], at[DZ], at[DBIAS]);
    layer->input(at[DZ], at[KERNEL], at[DX], at[WORKSPACE]);
    layer->kernel(at[X], at[DZ], at[DKERNEL], at[WORKSPACE]);
    for (size_t i = 0; i < sizeof written / sizeof *written; ++i) {
        memcpy(out, at[written[i]], size[written[i]]);
        out += size[written[i]];
    }
    *made = out;
    for (int i = 0; i < BUFFERS; ++i)
        munmap(base[i], mapped[i]);
}

int main(int count, char **words)
{
    FILE *calls = count == 3 ? fopen(words[1], "rb") : NULL, *outputs = count == 3 ? fopen(words[2], "wb") : NULL;
    int64_t head[WORKSPACE + 2], call = 0;

    page = (size_t)sysconf(_SC_PAGESIZE);
    if (!calls || !outputs)
        fail("driver CALLS OUTPUTS", -1);
    for (; fread(head, sizeof *head, WORKSPACE + 2, calls) == WORKSPACE + 2; ++call) {
        unsigned char *given[GIVEN], *made[2], *end[2];
        size_t total = (size_t)(head[1 + Z] + head[1 + DY] + head[1 + X] + head[1 + DKERNEL] + head[1 + DBIAS]);

        for (int i = 0; i < GIVEN; ++i) {
            given[i] = malloc((size_t)head[1 + i] + 1);
            read_all(given[i], (size_t)head[1 + i], calls, call);
        }
        for (int upper = 0; upper < 2; ++upper) {
            made[upper] = end[upper] = malloc(total + 1);
            run(head, given, upper, &end[upper], call);
        }
        if (memcmp(made[0], made[1], total))
            fail("two runs differ", call);
        fwrite(made[0], 1, total, outputs);
        for (int i = 0; i < GIVEN; ++i)
            free(given[i]);
        free(made[0]);
        free(made[1]);
    }
    return fclose(outputs) || fclose(calls);
}
