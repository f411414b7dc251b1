"""Another user moves the cache's folders about while it is used: no library of theirs may ever be loaded. Needs root.

    python -m tests.fuzz.swaps --count 1000

One process is the cache's owner, one the other user. Whenever the first is about to open, make, rename or load
something (Python's audit events tell), the second may put its own folder, with entries of the right names, in the place
of the first one's, or put that back; the first waits until it has.
"""

from __future__ import annotations

import _ctypes
import argparse
import ctypes
import json
import os
import random
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import ToolchainError
from codegen.machine import cache, compilers
from codegen.problem.targets import TARGETS

OWNER, OTHER, BOTH = 1234, 65534, 7777  # two users, and a group of both
OURS, THEIRS = 1, 2  # what a library of each answers
KEYS = ("5e" * 32, "ab" * 32, "c4" * 32)
LOADING = "ctypes.dlopen"
EVENTS = {LOADING, "open", "fcntl.flock", "tempfile.mkstemp", "tempfile.mkdtemp"} | {
    f"os.{name}" for name in ("mkdir", "rename", "remove", "rmdir", "listdir", "scandir", "utime")
}
MOST_ROUNDS = 50  # a wanted swap: enough where there are any
Folder = tuple[str, int, int, int]  # path, user, group, mode


@dataclass(frozen=True)
class Place:
    """An arrangement of `folders`: where the cache is to be, and the folder that the other user puts another for.

    `link` is what the cache's own name leads to at first, if it is the other user's link. With `tmp` 0777 the folders
    of temporary files are swapped, too.
    """

    name: str
    cache: str
    moved: str
    folders: tuple[Folder, ...]
    link: str = ""
    tmp: int = 0o1777
    possible: bool = True  # for the other user to swap anything


OPEN = 0o777
KERNELS = ("shared/kernels", OWNER, OWNER, 0o700)
PLACES = (
    Place("open to all", "shared", "shared/kernels", (("shared", OWNER, OWNER, 0o777), KERNELS)),
    Place("of the other user", "shared", "shared/kernels", (("shared", OTHER, OTHER, 0o755), KERNELS)),
    Place("of a common group", "shared", "shared/kernels", (("shared", OWNER, BOTH, 0o775), KERNELS)),
    Place(
        "open far above",
        "open/moved/cache",
        "open/moved",
        (
            ("open", OWNER, OWNER, 0o777),
            ("open/moved", OWNER, OWNER, 0o755),
            ("open/moved/cache", OWNER, OWNER, 0o700),
            ("open/moved/cache/kernels", OWNER, OWNER, 0o700),
        ),
    ),
    Place(
        "a link of the other user",
        "sticky/cache",
        "sticky/cache",
        (("sticky", 0, 0, 0o1777), ("shared", OWNER, OWNER, 0o755), KERNELS),
        link="shared",
    ),
    Place(
        "temporary files open to all", "shared", "shared/kernels", (("shared", OWNER, OWNER, 0o777), KERNELS), tmp=OPEN
    ),
    Place(
        "made by us with umask 0", "home/new/cache", "home/new/cache", (("home", OWNER, OWNER, 0o755),), possible=False
    ),
    Place("sticky", "sticky/cache", "sticky/cache", (("sticky", 0, 0, 0o1777),), possible=False),
)


def missing() -> str | None:
    """Why this cannot run here."""
    if sys.platform != "linux":
        return "the users' numbers are Linux'"
    return None if os.geteuid() == 0 else "needs root, to be two other users"


def run(count: int, seed: int) -> tuple[int, list[str]]:
    """(swaps that took place, what went wrong): `count` swaps at least, spread over the places."""
    if why := missing():
        raise SystemExit(why)
    compiler = compilers.find()
    assert compiler is not None, "needs a C compiler"
    text = "GENCONV_EXPORT int answer(void) { return %d; }\n"
    libraries = {each: compiler.shared(text % each, TARGETS["scalar"]) for each in (OURS, THEIRS)}
    wanted = -(-count // sum(place.possible for place in PLACES))
    swaps, found = 0, list[str]()
    for number, place in enumerate(PLACES):
        with _arranged(place, libraries) as root:
            done, findings = _trial(root, place, libraries[OURS], wanted, random.Random(seed + number))
        swaps += done
        found += [f"{place.name}: {finding}" for finding in findings]
    return swaps, found


@contextmanager
def _arranged(place: Place, libraries: dict[int, bytes]) -> Iterator[Path]:
    """A folder with all that a place needs, and with what the other user has prepared."""
    root = Path(tempfile.mkdtemp(prefix="swaps-"))
    try:
        root.chmod(0o755)
        for name, user, group, mode in (("tmp", 0, 0, place.tmp), *place.folders):
            (root / name).mkdir()
            os.chown(root / name, user, group)
            (root / name).chmod(mode)
        if place.link:
            (root / place.cache).symlink_to(root / place.link)
            os.lchown(root / place.cache, OTHER, OTHER)
        kernels = root / "planted" / (Path(place.cache) / "kernels").relative_to(place.moved)
        kernels.mkdir(parents=True)
        for key in KEYS:
            (kernels / f"{key}.so").write_bytes(cache._sealed(libraries[THEIRS], _recipe(key, bytes)))
        (root / "planted" / "kernel.so").write_bytes(libraries[THEIRS])
        (root / "ours.so").write_bytes(libraries[OURS])
        (root / "cc").write_text(f"#!/bin/sh\nexec cp {root}/ours.so kernel.so\n")
        (root / "cc").chmod(0o755)
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _recipe(key: str, build: Callable[[], bytes]) -> cache.Recipe[int]:
    return cache.Recipe(key, "scalar", build, _answer, lambda answer: None)


def _answer(path: Path) -> int:
    """Load a library, ask it whose it is, and let it go again."""
    library = ctypes.CDLL(str(path))
    try:
        return int(library.answer())
    finally:
        _ctypes.dlclose(library._handle)


def _trial(root: Path, place: Place, ours: bytes, wanted: int, rng: random.Random) -> tuple[int, list[str]]:
    """Both users at work in child processes: (swaps that took place, findings)."""
    orders, answers, results = os.pipe(), os.pipe(), os.pipe()

    def other() -> None:
        for end in (orders[1], answers[0], *results):
            os.close(end)
        _become(OTHER)
        while os.read(orders[0], 1):
            os.write(answers[1], b"1" if _swap(root, place) else b"0")

    def owner() -> None:
        _become(OWNER)
        os.write(results[1], json.dumps(_use(root, place, ours, wanted, rng, orders[1], answers[0])).encode())

    children = [_child(other), _child(owner)]
    for end in (*orders, *answers, results[1]):
        os.close(end)
    with open(results[0], "rb") as stream:
        told = stream.read()
    ended = [os.waitpid(child, 0)[1] for child in children]
    if not told or any(ended):
        return 0, [f"the processes ended with {ended}"]
    swaps, findings = json.loads(told)
    return swaps, findings


def _child(work: Callable[[], None]) -> int:
    """Fork a process that does `work` and nothing else."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(1)


def _become(user: int) -> None:
    os.umask(0)
    os.setgroups([BOTH])
    os.setgid(user)
    os.setuid(user)


def _swap(root: Path, place: Place) -> bool:
    """Put our folders in the place of theirs, or take them back; whether any was moved."""
    targets = [root / place.moved]
    if place.tmp == OPEN:
        targets += [made for made in (root / "tmp").glob("gen-conv-*") if not made.suffix]
    moved = False
    for target in targets:
        theirs, aside = f"{target}.theirs", f"{target}.aside"
        with suppress(OSError):
            back = os.path.lexists(aside)
            if not back and not os.path.lexists(theirs):
                shutil.copytree(root / "planted", theirs)
            os.rename(target, theirs if back else aside)
            os.rename(aside if back else theirs, target)
            moved = True
    return moved


def _use(
    root: Path, place: Place, ours: bytes, wanted: int, rng: random.Random, orders: int, answers: int
) -> tuple[int, list[str]]:
    """Fetch entries as the cache's owner until so many swaps have taken place: (swaps, findings)."""
    os.environ["GENCONV_CACHE_DIR"], tempfile.tempdir = str(root / place.cache), str(root / "tmp")
    warnings.simplefilter("ignore")
    compiler = compilers.Compiler((str(root / "cc"),), "cc", "cc 1.0", "")
    swaps = tries = loaded = 0
    findings: list[str] = []

    def hook(event: str, _: object) -> None:
        nonlocal swaps, tries
        if event in EVENTS and rng.random() < (0.8 if event == LOADING else 0.2):
            os.write(orders, b"!")
            swaps, tries = swaps + (os.read(answers, 1) == b"1"), tries + 1

    sys.addaudithook(hook)
    for number in range(wanted * MOST_ROUNDS):
        if swaps >= wanted or (not place.possible and tries >= wanted):
            break
        open_tmp, key = place.tmp == OPEN, rng.choice(KEYS)
        if open_tmp and rng.random() < 0.5:
            key = f"{number:064x}"
        with suppress(OSError, ToolchainError):  # that other users hinder us is no harm that can be helped
            build = (lambda: compiler.shared("", TARGETS["scalar"])) if open_tmp else (lambda: ours)
            answer = cache.fetch(_recipe(key, build))[1]
            loaded += answer == OURS
            if answer != OURS:
                findings.append(f"round {number} loaded the other user's library")
    if swaps < wanted and place.possible:
        findings.append(f"only {swaps} swaps took place")
    if swaps and not place.possible:
        findings.append(f"the other user could swap folders, {swaps} times")
    if not loaded:
        findings.append("nothing was loaded")
    return swaps, findings


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    tried, failures = run(asked.count, asked.seed)
    print(f"{tried} swaps, {len(failures)} findings", *failures[:20], sep="\n")
    sys.exit(bool(failures))
