"""The walk of `overlap_save` over rounds of blocks: where samples come from and outputs go."""

from __future__ import annotations

from typing import Any

from codegen.emission.cformat import ceil_over, floor_over, grouped, times
from codegen.emission.cfunction import CFunction
from codegen.emission.ending import copies, from_copies, weight_name
from codegen.emission.expressions import FAR, Array, Place, Variable
from codegen.emission.lengths import left_of, outs_of, product, steps_of
from codegen.emission.microkernel import Spelling, count_loop, index
from codegen.emission.overlap_functions import OverlapFunctions
from codegen.planning.algorithms.overlap_save_schedule import Schedule
from codegen.planning.plan import KernelPlan

BLOCK, PHASE = Variable.free("block"), Variable.free("phase")


def walk(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables of the walk."""
    s, p = plan.schedule, plan.problem
    return {
        **_arrays(plan, name),
        **_counts(plan),
        **_moves(plan),
        **_calls(plan, name),
        "left_told": p.centred and p.steps is None,
        "dilated": p.dilation > 1,
        "grouped": s.chunks > 1,
        "part": f"chunk / rounds{f' / {p.dilation}' if p.dilation > 1 else ''}",
        "last_group": p.groups - s.width,
        "columns": ceil_over("live", s.held),
        "until": floor_over(index((1, "live"), s.parts + s.held - 2), s.held),
        "source_x": _source(plan),
        "sample": _sample(plan),
        "laid": [(copy, _of_lane(plan, copy.source)) for copy in copies(plan, name, s.numbers[3], s.lanes)],
        "output": Place.of((p.dilation * s.hop, BLOCK), (int(p.dilation > 1), PHASE)).text,
        "rest": ceil_over(f"{outs_of(p).text} - t", p.dilation),
        "outs_now": outs_of(p).text,
        "steps_now": steps_of(p).text,
        "kept_rows": s.sources * s.size * 2,
        **_panels(plan),
        "kept": s.ahead > 0,
        "known": "known" if s.ahead else "0",
        **_kept(plan),
        **_columns(plan),
        "lane_heads": [_lane(s).loop] * (_lane(s).most > 0),
        "lane": Place.of((1, _lane(s))).text,
    }


def _arrays(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The workspace's parts, and where the inner functions' spectra and weights are among them, loop by loop."""
    s, filters = plan.schedule, plan.problem.group_filters
    source, part = Variable.counted("source", s.sources), Variable.counted("part", s.chunks)
    o, v = Variable.counted("o", filters), Variable.counted("v", s.vectors_at_once)
    kernel = Array(weight_name(plan.ask, name), plan.packed_numbers)
    reach = s.spectrum - s.pitch + s.lanes  # from the first of a vector's spectra to the last
    return {
        "places": s.numbers[:4],
        "source_heads": [source.loop] * (s.sources > 1),
        "filter_heads": [o.loop] * (filters > 1),
        "spectra_at": Array("spectra", s.numbers[0]).at((s.spectrum, source), (s.lanes, v), taken=reach),
        "weights": kernel.at((filters * s.weights, part), (s.weights, o), taken=s.weights),
    }


def _calls(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The static functions of the file, and those of their calls that are long."""
    p = plan.problem
    operands = tuple(one.name for one in p.epilogue.operands)
    functions = OverlapFunctions(name, p.format.c, operands, _outs_apart(plan), _partial(plan))
    return {
        "functions": functions,
        "to_outputs": functions.last.of("wave", *from_copies(plan, name, 0), "panel"),
        "scattered": _scattered(plan, functions.scatter),
    }


def _counts(plan: KernelPlan[Schedule]) -> dict[str, Any]:
    """The blocks of half the signal, the rounds and the chunks of the work: numbers, or C."""
    s, p = plan.schedule, plan.problem
    turns = s.chunks * p.dilation
    if p.steps is None:
        half = ceil_over(ceil_over("outs", p.dilation * s.hop), 2)
        return {"half": half, "rounds": ceil_over("half", s.blocks), "chunk_count": times(turns, "rounds")}
    blocks = -(-p.out_steps(p.steps) // (p.dilation * s.hop))
    half_now = -(-blocks // 2)
    rounds = -(-half_now // s.blocks)
    return {"half": half_now, "rounds": rounds, "chunk_count": turns * rounds}


def _panels(plan: KernelPlan[Schedule]) -> dict[str, Any]:
    """Which blocks are gathered for vector v, where to, and where the next ones lie."""
    s, known = plan.schedule, "known" if plan.schedule.ahead else "0"
    reach = s.panel_numbers - s.lanes - 2 * s.column + s.width  # of the numbers of a column
    h, j = Variable.counted("h", 2), Variable("j", s.held)
    if s.held > 1:
        panel = Array("panel", s.panel_numbers)
        gathered = panel.at((s.column, h), (s.width, j), taken=reach)
        return {"first_block": "0", "gathered": gathered, "now_at": "panel", "next_at": panel.at(s.width)}
    panels = Array("panel", 2 * s.panel_numbers)
    now, after, own = (Variable(f"({turn} % 2)", 1) for turn in ("v", "(v + 1)", "(v + j)"))
    return {
        "first_block": f"v > {known} ? 1 : 0",
        "gathered": panels.at((s.panel_numbers, own), (s.column, h), taken=reach),
        "now_at": panels.at((s.panel_numbers, now), taken=s.panel_numbers),
        "next_at": panels.at((s.panel_numbers, after), taken=s.panel_numbers),
    }


def _partial(plan: KernelPlan[Schedule]) -> bool:
    """Whether the last chunk of the groups overlaps the one before."""
    s, p = plan.schedule, plan.problem
    return s.chunks > 1 and p.groups % s.width > 0


def _kept(plan: KernelPlan[Schedule]) -> dict[str, Any]:
    """The loop over the vectors that the next round needs, and what brings one to the front of its row."""
    s = plan.schedule
    spell, v, row = Spelling.of(plan, s.lanes), Variable.counted("v", s.ahead), Array("row", s.pitch)
    keep = row.store(spell, row.load(spell, (s.lanes, v), s.columns * s.lanes), (s.lanes, v)) if s.ahead else ""
    return {"kept_heads": [v.loop] * (v.most > 0), "keep": keep}


def _columns(plan: KernelPlan[Schedule]) -> dict[str, Any]:
    """The loops over the columns of outputs in a vector, and the block that one is of among those of its half."""
    s = plan.schedule
    h, j, now, v = Variable.counted("h", 2), _column(s), Variable("now", FAR), Variable("v", FAR)
    heads = (h.loop, *[j.loop] * (j.most > 0))
    return {"column_heads": heads, "own": Place.of((1, now), (s.held, v), (1, j)).text}


def _column(schedule: Schedule) -> Variable:
    """A column of outputs in a vector."""
    return Variable.counted("j", schedule.held)


def _group(plan: KernelPlan[Schedule]) -> Variable:
    """The first group of a chunk: 0 where there is one chunk."""
    s, p = plan.schedule, plan.problem
    return Variable("group", p.groups - s.width if s.chunks > 1 else 0)


def _rows_away(rows: Place, length: Place) -> Place:
    """So many rows of channels_first, each of `length` steps, in brackets where they are a sum."""
    return Place.of((int(rows.known != 0), Variable.free(f"{length.text} * {grouped(rows.text)}")))


def _source(plan: KernelPlan[Schedule]) -> str:
    """The first number of a source's channel of the chunk's first group."""
    p = plan.problem
    own = Variable(floor_over("source", p.stride), p.group_channels - 1)
    channel = Place.of((p.group_channels, _group(plan)), (1, own))
    return (channel if p.channels_last else _rows_away(channel, steps_of(p))).in_array("x")


def _sample(plan: KernelPlan[Schedule]) -> str:
    """The sample of a block's first tap: its source's phase of the stride, its own of the dilation."""
    s, p = plan.schedule, plan.problem
    source = Variable(f"source % {p.stride}" if p.group_channels > 1 else "source", p.stride - 1)
    phase = Variable("phase", p.dilation - 1)
    first = ((p.stride * p.dilation * s.hop, BLOCK), (1, phase), (1, source))
    return Place.of(*first, *left_of(p).scaled(-1).parts).text


def _lane(schedule: Schedule) -> Variable:
    """A lane of a vector."""
    return Variable.counted("l", schedule.lanes)


def _of_lane(plan: KernelPlan[Schedule], operand: str) -> str:
    """What the operand has for lane l."""
    s, p = plan.schedule, plan.problem
    lane = Variable(f"l % {s.width}", s.width - 1)
    group, o = Place.of((1, _group(plan)), (1, lane)), Variable.counted("o", p.group_filters)
    first = group if p.group_filters == 1 else Variable(grouped(group.text), group.most).place
    value = f"{operand}[{Place.of(*first.scaled(p.group_filters).parts, (1, o)).text}]"
    return f"{lane.name} < {p.groups} ? {value} : 0" if p.groups < s.width else value


def _output(plan: KernelPlan[Schedule]) -> str:
    """Output t of the chunk's first group."""
    p, t = plan.problem, Variable.free("t")
    filter_ = Place.of((p.group_filters, _group(plan)), (1, Variable.counted("o", p.group_filters)))
    if p.channels_last:
        return Place.of((p.filters, t), *filter_.parts).in_array("y")
    return Place.of((1, t), *_rows_away(filter_, outs_of(p)).parts).in_array("y")


def _outs_apart(plan: KernelPlan[Schedule]) -> bool:
    """Whether the outputs of several channels lie as far apart as there are outputs of each, which C alone knows."""
    p = plan.problem
    return p.steps is None and not p.channels_last and min(plan.schedule.width, p.groups) > 1


def _scattered(plan: KernelPlan[Schedule], scatter: CFunction) -> str:
    """The call that brings column j of half h to its places."""
    s = plan.schedule
    place = Place.of((s.column, Variable.counted("h", 2)), (s.width, _column(s)))
    given = {"column": place.at_once("panel"), "y": _output(plan)}
    skip = {"skip": "own_group - group"} if _partial(plan) else {}
    return scatter.call(**given, **skip)


def _moves(plan: KernelPlan[Schedule]) -> dict[str, Any]:
    """The lines that copy the numbers of a sample to its lanes, or zeros, and those of an output from there."""
    s, p = plan.schedule, plan.problem
    spell, live = Spelling.of(plan, s.width), min(s.width, p.groups)
    vector = s.width in plan.target.lanes(p.dtype)
    whole = p.channels_last and live == s.width and vector
    into = [f"to[{c}] = x[{_number(plan, 't', c, inputs=True)}];" for c in range(live)]
    zeros = [f"to[{c}] = 0;" for c in range(s.width)]
    into += zeros[live:]
    out = [f"y[{_number(plan, 'n', c, inputs=False)}] = from[{c}];" for c in range(live)]
    if whole and p.group_channels == 1:
        into = [spell.store("to", (0,), spell.load("x", (p.channels, "t")))]
    if _partial(plan):
        number = _number(plan, "n", 1, inputs=False, lane="c")
        out = [count_loop("c", "skip", s.width), f"    y[{number}] = from[c];"]
    elif whole and p.group_filters == 1:
        out = [spell.store("y", ((p.filters * p.dilation, "n"),), spell.load("from", 0))]
    return {
        "place": index((s.panel_pitch, "i"), (2 * s.column, "j")),
        "step": times(p.stride * p.dilation, f"({s.across} * i + j)"),
        "half_rows": s.rows // 2,
        "beyond": p.stride * p.dilation * (s.hop - 1),
        "into": into,
        "zeros": [spell.store("to", (0,), spell.broadcast("0"))] if vector else zeros,
        "out": out,
    }


def _number(plan: KernelPlan[Schedule], step: str, c: int, *, inputs: bool, lane: str = "") -> str:
    """Where the number of lane c of a step lies; of `lane`, a variable, if one is given."""
    p, at = plan.problem, Variable.free(step)
    each, row = (p.group_channels, p.channels) if inputs else (p.group_filters, p.filters)
    length, apart = (steps_of(p) if inputs else outs_of(p)), 1 if inputs else p.dilation
    own = Place.of((each, Variable.free(lane)) if lane else each * c)
    if p.channels_last:
        return Place.of((row * apart, at), *own.parts).text
    if lane:
        return Place.of((apart, at), (1, Variable.free(f"{times(each, length.text)} * {lane}"))).text
    return Place.of((apart, at), *product(length, own).parts).text
