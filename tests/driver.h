/* What tests/cprogram.py writes for tests/driver.c. */
#include <stddef.h>

typedef void (*call_type)(
    const void *x, ptrdiff_t steps, const void *kernel, const void *bias, void *y, void *workspace);

extern const call_type calls[];
extern const char *const names[];
