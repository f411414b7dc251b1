"""Targets: what an instruction set can do, one row each. How it is spelled in C is in templates/simd/NAME.h.j2."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import lru_cache

from codegen.errors import UsageError
from codegen.errors.quoting import plainly
from codegen.errors.suggest import expected
from codegen.installed import forgetful, registering
from codegen.numbers.formats import COMPUTED


@dataclass(frozen=True)
class Target:
    """One instruction set. `vector_bytes` is the widest vector, 0 for none; `registers` counts vector registers.

    `flags` are the compiler's, `macros` what these make it define (the emitted #error asks for them),
    `cpu` the CPU flags that a machine must have to run the code, `machines` the `platform.machine()` names.
    `f16c`: float16 is widened by x86's F16C, which has a compiler flag of its own.
    """

    name: str
    vector_bytes: int
    registers: int
    fma: bool
    flags: tuple[str, ...] = ()
    macros: tuple[str, ...] = ()
    cpu: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    f16c: bool = False

    def widening(self) -> Target:
        """The target with what code needs that widens float16: F16C on x86, which every CPU with AVX2 has."""
        if not self.f16c or "f16c" in self.cpu:
            return self
        flags, macros, cpu = (*self.flags, "-mf16c"), (*self.macros, "__F16C__"), (*self.cpu, "f16c")
        return replace(self, flags=flags, macros=macros, cpu=cpu)

    def lanes(self, dtype: str) -> tuple[int, ...]:
        """The vector widths in numbers of `dtype`, widest first; the last is always 1, the plain C type."""
        item = COMPUTED[dtype].bytes
        widths, width = [], self.vector_bytes // item
        while width > 1 and width * item >= 16:
            widths.append(width)
            width //= 2
        return (*widths, 1)


X86 = ("x86_64", "AMD64", "amd64")
ARM = ("aarch64", "arm64", "ARM64")
TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("scalar", 0, 16, fma=False),
        Target("sse2", 16, 16, fma=False, flags=("-msse2",), macros=("__SSE2__",), cpu=("sse2",), machines=X86),
        Target(
            "avx2",
            32,
            16,
            fma=True,
            flags=("-mavx2", "-mfma"),
            macros=("__AVX2__", "__FMA__"),
            cpu=("avx2", "fma"),
            machines=X86,
            f16c=True,
        ),
        Target(
            "avx512",
            64,
            32,
            fma=True,
            flags=("-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx2", "-mfma", "-mprefer-vector-width=512"),
            macros=("__AVX512F__", "__AVX512VL__", "__AVX512DQ__", "__FMA__"),
            cpu=("avx512f", "avx512vl", "avx512dq", "avx2", "fma"),
            machines=X86,
            f16c=True,
        ),
        Target("neon", 16, 32, fma=True, macros=("__ARM_NEON", "__aarch64__"), machines=ARM),
    )
}


def registered(target: Target, texts: Mapping[str, str]) -> AbstractContextManager[None]:
    """Within it `target` is one of the targets, spelled in C by `texts`: templates by name, simd/NAME.h.j2 at least."""
    return registering(TARGETS, {target.name: target}, texts)


def target_named(name: str) -> Target:
    """The row of that name; `native` is the widest that this CPU runs. Raises UsageError for another word."""
    known = ("native", *TARGETS)
    if not isinstance(name, str) or name not in known:
        raise UsageError(f"unknown target `{plainly(name)}`: {expected(name, known)}")
    return native() if name == "native" else TARGETS[name]


@forgetful
@lru_cache(maxsize=1)
def native() -> Target:
    """The widest target that this CPU can run."""
    return max(filter(runs_here, TARGETS.values()), key=lambda target: target.vector_bytes)


def runs_here(target: Target) -> bool:
    """Whether this machine's CPU has all that `target` asks for."""
    if not target.machines:
        return True
    if platform.machine() not in target.machines:
        return False
    found = cpu_flags()
    return all(flag in found for flag in target.cpu) if found else target.name in BASELINE


BASELINE = ("sse2", "neon")  # what every 64-bit CPU of its kind has: all that is assumed where flags cannot be read


@lru_cache(maxsize=1)
def cpu_flags() -> frozenset[str]:
    """The CPU's flags in Linux' spelling, empty where the system does not tell them."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() == "flags":
                    return frozenset(value.split())
    except OSError:
        pass
    return _sysctl_flags()


def _sysctl_flags() -> frozenset[str]:
    """macOS on Intel: the same flags from sysctl, lower case."""
    if platform.system() != "Darwin":
        return frozenset()
    import subprocess

    names = ["machdep.cpu.features", "machdep.cpu.leaf7_features"]
    try:
        out = subprocess.run(["sysctl", "-n", *names], capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    return frozenset(out.lower().split()) | (frozenset({"sse2"}) if out else frozenset())
