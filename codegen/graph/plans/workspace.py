"""The workspace of a model: which buffers share memory, and where each lies, by lifetimes and by size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from codegen.graph.plans.place import LINE, Buffer, Size
from codegen.graph.plans.stages import Each, Stage

__all__ = ["arranged", "shared"]

LIKELY = 4_096  # steps for which memory is weighed where the input has any number


def shared(stages: Sequence[Stage], buffers: Sequence[Buffer]) -> tuple[Stage, ...]:
    """The stages, where loops write into the buffer of what they are the last to read."""
    made, lives = list(stages), _lives(stages, buffers)
    for number in range(len(made)):
        stage = made[number]
        if not isinstance(stage, Each) or not stage.flat or buffers[stage.y.buffer].kind != "own":
            continue
        old = stage.y.buffer
        if lives[old][0] != number:
            continue  # a part of it was written before
        for place in stage.reads:
            alone = [one for one in stage.reads if one.buffer == place.buffer] == [place]
            same = buffers[place.buffer].size == buffers[old].size and place.first == stage.y.first == 0
            if buffers[place.buffer].kind == "own" and lives[place.buffer][1] == number and alone and same:
                made = [_renamed(one, old, place.buffer) for one in made]
                lives[place.buffer] = (lives[place.buffer][0], lives[old][1])
                break
    return tuple(made)


def _renamed(stage: Stage, old: int, new: int) -> Stage:
    """The stage with one buffer in another's place."""
    changes = {}
    for name, value in vars(stage).items():
        if getattr(value, "buffer", None) == old:
            changes[name] = replace(value, buffer=new)
        elif name in ("operands", "writes") and any(one.place.buffer == old for one in value):
            changes[name] = tuple(
                replace(one, place=replace(one.place, buffer=new)) if one.place.buffer == old else one for one in value
            )
        elif name == "added" and any(one.buffer == old for one in value):
            changes[name] = tuple(replace(one, buffer=new) if one.buffer == old else one for one in value)
    return replace(stage, **changes) if changes else stage


def _touched(stage: Stage) -> Iterator[int]:
    for place in (*stage.ys, *stage.reads):
        yield place.buffer
    if stage.spare is not None:
        yield stage.spare


def _lives(stages: Sequence[Stage], buffers: Sequence[Buffer]) -> dict[int, tuple[int, int]]:
    """The first and the last stage that each buffer is there for."""
    found: dict[int, tuple[int, int]] = {}
    for number, stage in enumerate(stages):
        for buffer in _touched(stage):
            found[buffer] = (found.get(buffer, (number, number))[0], number)
    return {buffer: found.get(buffer, (-1, -1)) for buffer in range(len(buffers))}


def arranged(stages: Sequence[Stage], buffers: Sequence[Buffer]) -> tuple[tuple[Size | None, ...], Size]:
    """Where each buffer of the workspace begins, None for one that is not there; and the size of all.

    The largest first, each as low as those allow that live at the same time.
    """
    lives = _lives(stages, buffers)
    own = [at for at, buffer in enumerate(buffers) if buffer.kind == "own" and lives[at] != (-1, -1)]
    sizes = {at: _rounded(buffers[at].size) for at in own}
    placed: dict[int, Size] = {}
    for at in sorted(own, key=lambda one: (-sizes[one].at(LIKELY), one)):
        others = [one for one in placed if lives[one][0] <= lives[at][1] and lives[at][0] <= lives[one][1]]
        taken = [(placed[one], placed[one] + sizes[one]) for one in others]
        candidates = [Size(0), *(end for _, end in taken), Size.most(end for _, end in taken)]
        fitting = [
            start
            for start in candidates
            if all(end.within(start) or (start + sizes[at]).within(begin) for begin, end in taken)
        ]
        placed[at] = min(fitting, key=lambda start: start.at(LIKELY))
    total = Size.most(placed[at] + sizes[at] for at in own)
    return tuple(placed.get(at) for at in range(len(buffers))), total


def _rounded(size: Size) -> Size:
    return Size(-(-size.numbers // LINE) * LINE, size.each)
