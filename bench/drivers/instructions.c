/*
 * A plugin of QEMU's user mode (API version 1): the instructions that a program executes between two calls of getppid,
 * one number a line, in the file that the variable COUNTS names.
 *
 *     cc -O2 -fPIC -shared instructions.c -o instructions.so
 *     COUNTS=counts qemu-x86_64 -cpu max -plugin ./instructions.so program
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPORT __attribute__((visibility("default")))
#define GETPPID 110 /* of x86-64 */

/* What is used of <qemu-plugin.h>, which distributions do not install with the emulator. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_info_t;
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*call)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int add, void *sum, uint64_t more);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t id,
    void (*call)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
        uint64_t));
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int count, char **words);

EXPORT int qemu_plugin_version = 1;
static uint64_t done, known;
static FILE *file;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, 0, &done, qemu_plugin_tb_n_insns(block));
}

static void called(qemu_plugin_id_t id, unsigned cpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
    uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    (void)id, (void)cpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number != GETPPID)
        return;
    fprintf(file, "%llu\n", (unsigned long long)(done - known));
    fflush(file);
    known = done;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int count, char **words)
{
    const char *const name = getenv("COUNTS");

    (void)info, (void)count, (void)words;
    file = name ? fopen(name, "w") : NULL;
    if (!file)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
