/* The loop that is timed: a function of one pointer, called as a C program would call it. */
#include <stddef.h>

void bench_loop(void (*run)(void *), void *state, ptrdiff_t calls)
{
    for (ptrdiff_t i = 0; i < calls; i++)
        run(state);
}
