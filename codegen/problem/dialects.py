"""Dialects: how code is spelled for an instruction set, one row each. The C text is in templates/simd/NAME.h.j2."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from codegen.numbers.formats import COMPUTED
from codegen.records import dataclass

__all__ = ["DIALECTS", "Dialect", "Dots"]


@dataclass(frozen=True)
class Dots:
    """How int8 products are added up in vectors, four to a sum of int32.

    Codes of the input are `moved` by so much, to be bytes without a sign where instructions ask for these. A tile has
    `vectors` of filters at most, and `sums`. `roundings` are those that are done in vectors. `instructions` is what
    four products take; `header` declares them. `here` are (the CPU's flag, the compiler's flag) of what makes it one
    where a CPU has it.
    """

    moved: int
    vectors: int
    sums: int
    roundings: tuple[str, ...]
    instructions: int
    header: str
    here: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Dialect:
    """One instruction set. `vector_bytes` is the widest vector, 0 for none; `registers` counts vector registers.

    `fma`: a multiply-add is one instruction, rounded once. `accumulators` are the most of a tile, 0 for as many as the
    registers leave. `flags` are the compiler's, `macros` what these make it define (the emitted #error asks for them),
    `cpu` the CPU flags that a machine must have to run the code, `machines` the `platform.machine()` names, none for
    all; `baseline`: each of these has it. `f16c`: float16 is widened by x86's F16C, which has a flag of its own.
    `software` are the formats that the target computes in software, many times as slow. `assembly` names the
    instructions for which whole numbers have kernels in assembly. `bare`: there is no operating system, so that a
    banner tells of flash, RAM and cycles. `dots` is how int8 products are added up in vectors, None for one by one.
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
    accumulators: int = 0
    baseline: bool = False
    software: tuple[str, ...] = ()
    assembly: str = ""
    bare: bool = False
    dots: Dots | None = None

    def dotting(self, found: Collection[str]) -> Dialect:
        """The dialect with the flags of what a CPU with these flags has for sums of int8 products."""
        flags = tuple(flag for word, flag in (self.dots.here if self.dots else ()) if word in found)
        return replace(self, flags=(*self.flags, *flags))

    def widening(self) -> Dialect:
        """The dialect with what code needs that widens float16: F16C on x86, which every CPU with AVX2 has."""
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
CORTEX = ("cortex-m",)  # of no operating system's own
DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect("scalar", 0, 16, fma=False, accumulators=8),  # it also runs where registers are few
        Dialect(
            "sse2",
            16,
            16,
            fma=False,
            flags=("-msse2",),
            macros=("__SSE2__",),
            cpu=("sse2",),
            machines=X86,
            baseline=True,
            dots=Dots(128, 2, 6, ("fp32",), 8, "emmintrin.h"),
        ),
        Dialect(
            "avx2",
            32,
            16,
            fma=True,
            flags=("-mavx2", "-mfma"),
            macros=("__AVX2__", "__FMA__"),
            cpu=("avx2", "fma"),
            machines=X86,
            f16c=True,
            dots=Dots(128, 2, 8, ("fp32", "double"), 8, "immintrin.h", here=(("avx_vnni", "-mavxvnni"),)),
        ),
        Dialect(
            "avx512",
            64,
            32,
            fma=True,
            flags=("-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx2", "-mfma", "-mprefer-vector-width=512"),
            macros=("__AVX512F__", "__AVX512VL__", "__AVX512DQ__", "__FMA__"),
            cpu=("avx512f", "avx512vl", "avx512dq", "avx2", "fma"),
            machines=X86,
            f16c=True,
            dots=Dots(128, 4, 24, ("fp32", "double"), 1, "immintrin.h", here=(("avx512_vnni", "-mavx512vnni"),)),
        ),
        Dialect("thumb", 0, 8, fma=False, accumulators=2, machines=CORTEX, software=("float32", "float64"), bare=True),
        Dialect("thumb_fpu", 0, 32, fma=False, accumulators=24, machines=CORTEX, software=("float64",), bare=True),
        Dialect(
            "neon",
            16,
            32,
            fma=True,
            macros=("__ARM_NEON", "__aarch64__"),
            machines=ARM,
            baseline=True,
            dots=Dots(0, 4, 16, ("fp32", "double"), 5, "arm_neon.h", here=(("asimddp", "-march=armv8.2-a+dotprod"),)),
        ),
    )
}
