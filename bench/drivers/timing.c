/* The loop that times a function of one pointer, as a C program would call it. */
#include <stddef.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds that `calls` calls of run(state) take. */
double bench_time(void (*run)(void *), void *state, ptrdiff_t calls)
{
    double start = now();
    for (ptrdiff_t i = 0; i < calls; i++)
        run(state);
    return now() - start;
}
