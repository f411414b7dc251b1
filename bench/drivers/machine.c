/* What the machine allows: fused (or paired) multiply-adds a second, and bytes a second from each level of memory.
   Compiled with the target's flags, LANES floats a vector and CHAINS accumulators, all distinct: equal ones
   would be merged by the compiler. Contraction is on here, so a * b + c is one instruction where the target has it. */
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

/* One name for each accumulator: an array would live in memory. */
#define FIRST(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#if CHAINS == 24
#define EACH(DO) FIRST(DO) DO(12) DO(13) DO(14) DO(15) DO(16) DO(17) DO(18) DO(19) DO(20) DO(21) DO(22) DO(23)
#else
#define EACH(DO) FIRST(DO)
#endif
#define DECLARE(i) vec sum##i = half + (float)i;
#define STEP(i) sum##i = sum##i * half + half; KEEP(sum##i);
#define TOTAL(i) total = total + sum##i;

/* TURNS * CHAINS * LANES multiply-adds, a vector written to `out`; every sum stays near 1, far from denormals. */
void machine_fma(void *out)
{
    vec half, total;
    memset(&half, 0, sizeof half);
    half = half + 0.5f;
    total = half;
    KEEP(half);
    EACH(DECLARE)
    for (ptrdiff_t t = 0; t < TURNS; t++) {
        EACH(STEP)
    }
    EACH(TOTAL)
    memcpy(out, &total, sizeof total);
}

/* Read `count` floats at p, `turns` times; count is a multiple of 8 vectors, p aligned to one. */
void machine_read(ptrdiff_t turns, const float *p, ptrdiff_t count, float *out)
{
    vec sums[8];
    memset(sums, 0, sizeof sums);
    for (ptrdiff_t t = 0; t < turns; t++) {
        const vec *v = (const vec *)(const void *)p;
        for (ptrdiff_t i = 0; i < count / LANES; i += 8) {
#pragma GCC unroll 8
            for (int j = 0; j < 8; j++)
                sums[j] = sums[j] + v[i + j];
        }
        __asm__ volatile("" : : "r"(p) : "memory");
    }
    for (int j = 1; j < 8; j++)
        sums[0] = sums[0] + sums[j];
    memcpy(out, &sums[0], sizeof sums[0]);
}

/* Copy `count` floats from p to q, `turns` times, with plain stores of whole vectors. */
void machine_copy(ptrdiff_t turns, const float *p, ptrdiff_t count, float *q)
{
    for (ptrdiff_t t = 0; t < turns; t++) {
        const vec *from = (const vec *)(const void *)p;
        vec *to = (vec *)(void *)q;
        for (ptrdiff_t i = 0; i < count / LANES; i += 8) {
            vec held[8];
#pragma GCC unroll 8
            for (int j = 0; j < 8; j++)
                held[j] = from[i + j];
#pragma GCC unroll 8
            for (int j = 0; j < 8; j++)
                to[i + j] = held[j];
            __asm__ volatile("" : : "r"(q) : "memory");
        }
    }
}
