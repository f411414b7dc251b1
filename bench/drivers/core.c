/* What a core begins in a cycle. Compiled with the target's flags, LANES floats a vector; `machine.c` has the rest.
   A chain of additions, one a cycle, is the clock that all other times are told by. */
#include <stddef.h>
#include <string.h>

#if LANES > 1
typedef float vec __attribute__((vector_size(4 * LANES)));
#else
typedef float vec;
#endif
#if defined(__x86_64__)
#define KEEP(v) __asm__ volatile("" : "+x"(v))
#else
#define KEEP(v) __asm__ volatile("" : "+w"(v))
#endif
#define FOUR(DO) DO DO DO DO
#define LATER(n) __asm__ volatile("" : "+r"(n))

/* 16 * TURNS additions, each of the one before: so many cycles. */
void core_clock(void *out)
{
    size_t sum = 0, one = 1;
    LATER(one); /* what it is, is not known: no two are merged */
    for (ptrdiff_t t = 0; t < TURNS; t++) {
        FOUR(FOUR(sum += one; LATER(sum);))
    }
    memcpy(out, &sum, sizeof sum);
}

/* 16 * TURNS multiply-adds, each of the one before. */
void core_latency(void *out)
{
    vec half, sum;
    memset(&half, 0, sizeof half);
    half = half + 0.5f;
    sum = half;
    KEEP(half);
    for (ptrdiff_t t = 0; t < TURNS; t++) {
        FOUR(FOUR(sum = sum * half + half; KEEP(sum);))
    }
    memcpy(out, &sum, sizeof sum);
}

/* 16 * TURNS loads of whole vectors that lie in the first-level cache; a vector written to `out`, which has 4 or more. */
void core_loads(void *out)
{
    const vec *p = out;
    vec v = p[0];
    for (ptrdiff_t t = 0; t < TURNS; t++) {
        __asm__ volatile("" : "+r"(p));
        FOUR(v = p[0]; KEEP(v); v = p[1]; KEEP(v); v = p[2]; KEEP(v); v = p[3]; KEEP(v); __asm__ volatile("" : : : "memory");)
    }
    memcpy(out, &v, sizeof v);
}
