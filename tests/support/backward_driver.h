/* What the driver calls: the backward functions of one layer behind signatures that all layers share. */
#ifndef BACKWARD_DRIVER_H
#define BACKWARD_DRIVER_H

struct layer {
    void (*before)(const void *x, const void *kernel, const void *bias, void *z, void *workspace);
    void (*output)(const void *z, const void *dy, void *dz, void *dbias);
    void (*input)(const void *dz, const void *kernel, void *dx, void *workspace);
    void (*kernel)(const void *x, const void *dz, void *dkernel, void *workspace);
};

extern const struct layer layers[];

#endif
