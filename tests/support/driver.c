/*
 * Runs emitted kernels on the calls of one file and writes their outputs to another:
 * driver CALLS OUTPUTS guard|heap|threads|leastN
 *
 * guard: every buffer lies between two pages that may not be touched, once against the upper and once against the lower
 * one; inputs are read-only; the rest of the page is checked for stray writes; both runs must give the same bits.
 * heap: every buffer is a malloc of exactly its size, for AddressSanitizer.
 * leastN: every buffer begins N bytes behind a multiple of 64, so that it is aligned to N bytes and to no more.
 * threads: as heap, and each slice of a sliced kernel runs in a thread of its own, for ThreadSanitizer.
 *
 * A call in slices runs them in a shuffled order, and then once as a whole: both must give the same bits. y and the
 * workspace hold NaN before a call, and before each slice.
 *
 * y and the workspace have the bytes that the header tells.
 *
 * Compiled with a file that defines `calls`, `sizes` and `names` (tests/cprogram.py). A call in the file is eight int64 (kernel,
 * steps, then the bytes of x, kernel, bias, y, workspace, then slices; -1 for NULL, 0 slices for the whole), then the
 * bytes of x, kernel, bias.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "driver.h"

enum { X, KERNEL, BIAS, Y, WORKSPACE, BUFFERS };
enum { CANARY = 0xA5, NAN_BYTE = 0xFF };
enum { MOST_SLICES = 8 };
static const char *const ROLES[BUFFERS] = {"x", "kernel", "bias", "y", "workspace"};

struct buffer {
    unsigned char *base, *data; /* the mapping with its two guard pages; the numbers */
    size_t mapped, size;
};

static struct buffer buffers[BUFFERS];
static const char *current = "";
static int64_t current_call, current_steps;
static size_t page, shift;

static void fail(const char *what)
{
    fprintf(stderr, "driver: call %lld, kernel %s, steps %lld: %s\n", (long long)current_call, current,
        (long long)current_steps, what);
    exit(3);
}

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    const unsigned char *at = info->si_addr;
    char text[300];
    int length = 0, role;

    (void)context;
    for (role = 0; role < BUFFERS; ++role) {
        const struct buffer *b = &buffers[role];
        if (b->mapped && at >= b->base && at < b->base + b->mapped)
            length = snprintf(text, sizeof text,
                "driver: call %lld, kernel %s, steps %lld: touched %s at byte %lld of %zu\n", (long long)current_call,
                current, (long long)current_steps, ROLES[role], (long long)(at - b->data), b->size);
    }
    if (!length)
        length = snprintf(text, sizeof text, "driver: call %lld, kernel %s, steps %lld: signal %d\n",
            (long long)current_call, current, (long long)current_steps, signal_number);
    if (write(2, text, (size_t)length) < 0) _exit(5);
    _exit(4);
}

static void open_buffer(struct buffer *b, int64_t size, int high, int guard)
{
    memset(b, 0, sizeof *b);
    if (size < 0) return;
    b->size = (size_t)size;
    if (!guard) {
        if (shift && posix_memalign((void **)&b->base, 64, b->size + shift)) fail("no memory");
        b->data = shift ? b->base + shift : malloc(b->size ? b->size : 1);
        if (!b->data) fail("no memory");
        memset(b->data, NAN_BYTE, b->size);
        return;
    }
    const size_t inner = (b->size / page + 1) * page;
    b->mapped = inner + 2 * page;
    b->base = mmap(NULL, b->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->base == MAP_FAILED) fail("no memory");
    if (mprotect(b->base + page, inner, PROT_READ | PROT_WRITE)) fail("mprotect");
    memset(b->base + page, CANARY, inner);
    b->data = b->base + page + (high ? inner - b->size : 0);
    memset(b->data, NAN_BYTE, b->size);
}

static void check_canary(const struct buffer *b, const char *role)
{
    const unsigned char *p, *end;

    if (!b->mapped) return;
    end = b->base + b->mapped - page;
    for (p = b->base + page; p < end; ++p)
        if ((p < b->data || p >= b->data + b->size) && *p != CANARY) {
            fprintf(stderr, "driver: wrote %s at byte %lld of %zu\n", role, (long long)(p - b->data), b->size);
            fail("stray write");
        }
}

static void close_buffer(struct buffer *b)
{
    if (b->mapped) munmap(b->base, b->mapped);
    else free(b->base ? b->base : b->data);
    memset(b, 0, sizeof *b);
}

struct slice {
    int64_t kernel, slice, slices;
    struct buffer workspace; /* of its own, in a thread */
};

static void run_slice(const struct slice *s, unsigned char *workspace)
{
    calls[s->kernel](buffers[X].data, current_steps, buffers[KERNEL].data, buffers[BIAS].data, buffers[Y].data, workspace,
        s->slice, s->slices);
}

static void *in_thread(void *given)
{
    const struct slice *s = given;

    run_slice(s, s->workspace.data);
    return NULL;
}

/* The slices one after another, from the middle on, every third; or all at the same time. */
static void run_slices(int64_t kernel, ptrdiff_t slices, int64_t workspace, int threads)
{
    struct slice each[MOST_SLICES];
    pthread_t running[MOST_SLICES];
    ptrdiff_t i;

    if (slices > MOST_SLICES || slices % 3 == 0) fail("so many slices are not shuffled here");
    for (i = 0; i < slices; ++i) {
        const struct slice now = {kernel, (slices / 2 + 3 * i) % slices, slices, {0}};

        each[i] = now;
        if (threads) {
            open_buffer(&each[i].workspace, workspace, 0, 0);
            if (pthread_create(&running[i], NULL, in_thread, &each[i])) fail("no thread");
            continue;
        }
        if (buffers[WORKSPACE].data) memset(buffers[WORKSPACE].data, NAN_BYTE, buffers[WORKSPACE].size);
        run_slice(&each[i], buffers[WORKSPACE].data);
    }
    for (i = 0; threads && i < slices; ++i) {
        pthread_join(running[i], NULL);
        free(each[i].workspace.data);
    }
}

static void run(
    const int64_t *head, unsigned char *const inputs[3], unsigned char *y, int high, int guard, int threads)
{
    const struct slice whole = {head[0], 0, 0, {0}};
    int role;

    for (role = 0; role < BUFFERS; ++role) {
        struct buffer *b = &buffers[role];
        open_buffer(b, head[2 + role], high, guard);
        if (role > BIAS || !b->data) continue;
        memcpy(b->data, inputs[role], b->size);
        if (b->mapped && mprotect(b->base + page, b->mapped - 2 * page, PROT_READ)) fail("mprotect");
    }
    if (high && head[7]) run_slices(head[0], (ptrdiff_t)head[7], head[6], threads);
    else run_slice(&whole, buffers[WORKSPACE].data);
    check_canary(&buffers[Y], "y");
    check_canary(&buffers[WORKSPACE], "workspace");
    memcpy(y, buffers[Y].data, buffers[Y].size);
    for (role = 0; role < BUFFERS; ++role) close_buffer(&buffers[role]);
}

/* Holds the bytes of y and of the workspace to those that the header tells. */
static void check_sizes(const int64_t *head)
{
    ptrdiff_t told[2] = {0, 0};

    if (!sizes[head[0]]) return;
    sizes[head[0]]((ptrdiff_t)head[1], told);
    if (told[0] == head[5] && told[1] == (head[6] < 0 ? 0 : head[6])) return;
    fprintf(stderr, "driver: %lld bytes of y, %lld of workspace; the header tells %lld and %lld\n", (long long)head[5],
        (long long)head[6], (long long)told[0], (long long)told[1]);
    fail("other sizes than the header tells");
}

static void take(void *into, size_t size, FILE *file)
{
    if (fread(into, 1, size, file) != size) fail("the file of calls is torn");
}

static unsigned char *space(int64_t size)
{
    unsigned char *made = malloc(size > 0 ? (size_t)size : 1);
    if (!made) fail("no memory");
    return made;
}

int main(int count, char **words)
{
    struct sigaction action;
    FILE *in, *out;
    int64_t head[8];

    if (count != 4 || !(in = fopen(words[1], "rb")) || !(out = fopen(words[2], "wb"))) return 2;
    shift = strncmp(words[3], "least", 5) == 0 ? (size_t)atoi(words[3] + 5) : 0;
    const int guard = strcmp(words[3], "guard") == 0, threads = strcmp(words[3], "threads") == 0;
    page = (size_t)sysconf(_SC_PAGESIZE);
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    if (guard) {
        sigaction(SIGSEGV, &action, NULL);
        sigaction(SIGBUS, &action, NULL);
        sigaction(SIGILL, &action, NULL);
    }
    for (; fread(head, sizeof head, 1, in) == 1; ++current_call) {
        unsigned char *inputs[3], *y = space(head[5]), *again = space(head[5]);
        int role;

        current = names[head[0]];
        current_steps = head[1];
        check_sizes(head);
        for (role = X; role <= BIAS; ++role) {
            inputs[role] = space(head[2 + role]);
            if (head[2 + role] > 0) take(inputs[role], (size_t)head[2 + role], in);
        }
        run(head, inputs, y, 1, guard, threads);
        run(head, inputs, again, 0, guard, threads);
        if (memcmp(y, again, (size_t)head[5]))
            fail(head[7] ? "the outputs depend on the slices" : "the outputs depend on where the buffers lie");
        if (fwrite(y, 1, (size_t)head[5], out) != (size_t)head[5]) fail("cannot write the outputs");
        for (role = X; role <= BIAS; ++role) free(inputs[role]);
        free(y);
        free(again);
    }
    return fclose(out) ? 2 : 0;
}
