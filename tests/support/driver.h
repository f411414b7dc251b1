/* What tests/cprogram.py writes for tests/driver.c. */
#include <stddef.h>

typedef void (*call_type)(
    const void *x, ptrdiff_t steps, const void *kernel, const void *bias, void *y, void *workspace, ptrdiff_t slice,
    ptrdiff_t slices); /* slices 0: the public function, which does all */

typedef void (*sizes_type)(ptrdiff_t steps, ptrdiff_t told[2]); /* by the header: bytes of y, of workspace */

extern const call_type calls[];
extern const sizes_type sizes[];
extern const char *const names[];
