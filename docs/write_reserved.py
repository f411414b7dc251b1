"""Writes what the system's headers and libraries define into grammar/reserved.txt: `python docs/write_reserved.py`.

It reads the headers of C and of POSIX, those of a C library's package, a compiler's own, and the symbols that glibc
exports; it needs clang, gcc, nm and Debian's libc6-dev and libc6-dev-arm64-cross. The sections above [headers] are
written by hand: words of languages, of other systems, and the patterns that stand for families of names.
"""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from codegen.specs.names import taken

PAGE = Path(__file__).parent.parent / "grammar" / "reserved.txt"
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
C_AND_POSIX = """
aio arpa/inet assert complex cpio ctype dirent dlfcn errno fcntl fenv float fmtmsg fnmatch ftw glob grp iconv inttypes
iso646 langinfo libgen limits locale math monetary mqueue net/if netdb netinet/in netinet/tcp nl_types poll pthread pwd
regex sched search semaphore setjmp signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib
stdnoreturn string strings sys/ipc sys/mman sys/msg sys/resource sys/select sys/sem sys/shm sys/socket sys/stat
sys/statvfs sys/time sys/times sys/types sys/uio sys/un sys/utsname sys/wait syslog tar termios threads time uchar
ulimit unistd utime utmpx wchar wctype wordexp
"""  # ISO C17 7.1.2; IEEE Std 1003.1-2017, chapter 13; tgmath.h defines names of math.h alone
X86 = ("immintrin", "x86intrin", "mm_malloc")
ARM = ("arm_neon", "arm_acle", "arm_sve")
FOR_X86 = ("clang", "-std=gnu11", "-D_GNU_SOURCE", "-mavx2")  # as g++ defines it
FOR_ARM = ("clang", "--target=aarch64-linux-gnu", "-I/usr/aarch64-linux-gnu/include", "-march=armv8.6-a+bf16+sve2")
LIBRARIES = ("libc.so.6", "libm.so.6", "libgcc_s.so.1")
DECLARED = re.compile(  # at the top of the file, but for the constants of an enum
    r"^(?:[|`]-(?:Function|Typedef|Var)Decl|[ |`]*-EnumConstantDecl) 0x[^'\n]*? ([A-Za-z]\w*) '", re.MULTILINE
)


def output(*words: str, given: str = "", check: bool = True) -> str:
    return subprocess.run(words, input=given, capture_output=True, text=True, check=check).stdout


def names(compiler: tuple[str, ...], headers: Iterable[str]) -> Iterator[str]:
    """Functions, types, variables, constants and macros of these headers, one by one: not all can stand together."""
    for header in headers:
        text = f"#include <{header}.h>\n"
        to_read = (*compiler, "-x", "c", "-")
        yield from DECLARED.findall(output(*to_read, "-fsyntax-only", "-Xclang", "-ast-dump", given=text, check=False))
        for line in output(*to_read, "-E", "-dM", given=text, check=False).splitlines():
            yield re.split(r"[ (]", line)[1]


def exported() -> Iterator[str]:
    """The symbols of the C library that a program is linked with by default: a function of that name replaces them."""
    for library in LIBRARIES:
        path = output("gcc", f"-print-file-name={library}").strip()
        for line in output("nm", "-D", "--defined-only", path).splitlines():
            name, versioned, _ = line.split()[-1].partition("@@")
            yield name if versioned else ""


def headers() -> Iterator[str]:
    """Stems of the files that `#include <NAME.h>` finds in the C library, gcc and clang, in no folder of theirs."""
    for package in ("libc6-dev", "libc6-dev-arm64-cross"):
        for line in output("dpkg", "-L", package).splitlines():
            if re.search(r"/include/[^/]+\.h$", line):
                yield Path(line).stem
    for compiler in ("gcc", "clang", "aarch64-linux-gnu-gcc"):
        folder = Path(output(compiler, "-print-file-name=include").strip())
        yield from (path.stem for path in folder.glob("*.h"))


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    by_hand = text[: text.index("\n[headers]\n")]
    PAGE.write_text(f"{by_hand}\n[headers]\n\n[names]\n", encoding="utf-8")  # what these take need not be told again
    found = {*names(FOR_X86, (*C_AND_POSIX.split(), *X86)), *names(FOR_ARM, ARM), *exported()}
    PAGE.write_text(
        f"{by_hand}\n[headers]\n# Of glibc, gcc 12 and clang 14, by docs/write_reserved.py\n{wrapped(headers())}\n\n"
        "[names]\n# Of the headers of C and POSIX, with GNU's names, of intrinsics, of glibc's libraries; by the same\n"
        f"{wrapped(found)}\n",
        encoding="utf-8",
    )


def wrapped(words: Iterable[str]) -> str:
    """The identifiers among `words` that a layer could still be called."""
    kept = {word for word in words if IDENTIFIER.fullmatch(word) and not taken(word)}
    ordered = " ".join(sorted(kept, key=lambda word: (word.casefold(), word)))
    return textwrap.fill(ordered, 120, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    main()
