/* Streams of models in blocks, where the kernel ends a process that asks it for anything, and an allocation ends it, too. */
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "models.h" /* X, Y: numbers of x and y; EACH(f): f of each model's name */

static float x[X], y[Y];
static volatile int trapped;
#define trap(name, ...) \
    void *name(__VA_ARGS__); \
    void *name(__VA_ARGS__) \
    { \
        if (trapped) \
            __builtin_trap(); \
        return NULL; \
    }
trap(malloc, size_t n __attribute__((unused)))
trap(calloc, size_t n __attribute__((unused)), size_t each __attribute__((unused)))
trap(realloc, void *p __attribute__((unused)), size_t n __attribute__((unused)))
trap(aligned_alloc, size_t n __attribute__((unused)), size_t each __attribute__((unused)))
#define declared(name) static name##_state name##_kept, name##_other;
EACH(declared)

#define all(name) \
    name##_reset(&name##_kept); \
    for (int turn = 0; turn < 40; ++turn) \
        outs += name##_process(&name##_kept, x, (turn * 29) % 97, y); \
    name##_other = name##_kept; \
    outs += name##_flush(&name##_other, y); \
    name##_prewarm(&name##_kept); \
    outs += name##_process(&name##_kept, x, 64, y); \
    outs += name(x, 300, y, &name##_other);

int main(void)
{
    ptrdiff_t outs = 0;

    for (int i = 0; i < X; ++i)
        x[i] = (float)(i % 13) - 6.0f;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)) /* from here on read, write and the exit alone */
        return 2;
    trapped = 1;
    EACH(all)
    syscall(SYS_exit, outs > 0 ? 0 : 3);
}
