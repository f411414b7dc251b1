"""Targets: a dialect (how code is spelled) on a core (what it costs), a row each."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import lru_cache
from itertools import takewhile

from codegen.errors import UsageError
from codegen.errors.quoting import plainly
from codegen.errors.suggest import expected
from codegen.installed import forgetful, registering
from codegen.problem.core_rows import CORES
from codegen.problem.cores import Core
from codegen.problem.cortex import CORTEX
from codegen.problem.dialects import DIALECTS, Dialect
from codegen.records import dataclass


@dataclass(frozen=True)
class Target:
    """What code is made for. The spelling's figures, of `Dialect`, are the target's own, too."""

    name: str
    dialect: Dialect
    core: Core

    @property
    def vector_bytes(self) -> int:
        return self.dialect.vector_bytes

    @property
    def registers(self) -> int:
        return self.dialect.registers

    @property
    def fma(self) -> bool:
        return self.dialect.fma

    @property
    def flags(self) -> tuple[str, ...]:
        return self.dialect.flags

    @property
    def macros(self) -> tuple[str, ...]:
        return self.dialect.macros

    @property
    def cpu(self) -> tuple[str, ...]:
        return self.dialect.cpu

    @property
    def machines(self) -> tuple[str, ...]:
        return self.dialect.machines

    def widening(self) -> Target:
        """The target with what code needs that widens float16."""
        return replace(self, dialect=self.dialect.widening())

    def dotting(self) -> Target:
        """The target with what this machine's CPU has for sums of int8 products."""
        return replace(self, dialect=self.dialect.dotting(cpu_flags()))

    def lanes(self, dtype: str) -> tuple[int, ...]:
        """The vector widths in numbers of `dtype`, widest first; the last is always 1, the plain C type."""
        return self.dialect.lanes(dtype)


def _cortex(name: str, dialect: str, *flags: str, assembly: str = "") -> Target:
    """A Cortex-M as a cross compiler is told of it."""
    core = f"cortex-{name}"
    spelled = replace(DIALECTS[dialect], flags=(f"-mcpu={core}", "-mthumb", *flags), assembly=assembly)
    return Target(core, spelled, CORTEX[core])


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("scalar", DIALECTS["scalar"], CORES["any"]),
        Target("sse2", DIALECTS["sse2"], CORES["any"]),
        Target("avx2", DIALECTS["avx2"], CORES["x86"]),
        Target("avx512", DIALECTS["avx512"], CORES["x86_512"]),
        Target("zen4", DIALECTS["avx512"], CORES["zen4"]),
        Target("neon", DIALECTS["neon"], CORES["arm"]),
        _cortex("m0", "thumb", "-mfloat-abi=soft"),
        _cortex("m3", "thumb", "-mfloat-abi=soft"),
        _cortex("m4", "thumb_fpu", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", assembly="dsp"),
        _cortex("m7", "thumb_fpu", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16", assembly="dsp"),
        _cortex("m33", "thumb_fpu", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16", assembly="dsp"),
        _cortex("m55", "thumb_fpu", "-mfloat-abi=hard", assembly="helium"),
    )
}


def registered(target: Target, texts: Mapping[str, str]) -> AbstractContextManager[None]:
    """Within it `target` is one of the targets; `texts` are templates by name, simd/DIALECT.h.j2 of a new dialect."""
    return registering(TARGETS, {target.name: target}, texts)


def target_named(name: str) -> Target:
    """The row of that name; `native` is the one that fits this CPU best. Raises UsageError for another word."""
    known = ("native", *TARGETS)
    if isinstance(name, str) and "," in name:
        raise UsageError(f"`{plainly(name)}` are several targets, and here it is one at a time: expected one alone")
    if not isinstance(name, str) or name not in known:
        raise UsageError(f"unknown target `{plainly(name)}`: {expected(name, known)}")
    return native() if name == "native" else TARGETS[name]


@forgetful
@lru_cache(maxsize=1)
def native() -> Target:
    """The widest target that this CPU can run; of several as wide the one whose core it is, else the first."""
    here, family = filter(runs_here, TARGETS.values()), cpu_family()
    return max(here, key=lambda target: (target.vector_bytes, target.core.family == family))


def runs_here(target: Target) -> bool:
    """Whether this machine's CPU has all that `target` asks for; where flags cannot be read, what every one has."""
    if not target.machines:
        return True
    if platform.machine() not in target.machines:
        return False
    found = cpu_flags()
    return all(flag in found for flag in target.cpu) if found else target.dialect.baseline


def cpu_flags() -> frozenset[str]:
    """The CPU's flags in Linux' spelling, empty where the system does not tell them."""
    said = _told()
    return frozenset(said.get("flags", said.get("Features", "")).split()) or _sysctl_flags()


def cpu_family() -> str:
    """The CPU's vendor and family, as `AuthenticAMD 25`, empty where the system does not tell them."""
    told = _told()
    return f"{told.get('vendor_id', '')} {told.get('cpu family', '')}".strip()


@lru_cache(maxsize=1)
def _told() -> Mapping[str, str]:
    """What Linux tells of the first CPU, by its words; nothing elsewhere."""
    found: dict[str, str] = {}
    with suppress(OSError), open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
        for name, _, value in (line.partition(":") for line in takewhile(str.strip, lines)):
            found[name.strip()] = value.strip()
    return found


@lru_cache(maxsize=1)
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
