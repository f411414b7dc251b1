"""Writes docs/keras.md from the tables of the code and of the tests: `python docs/write_keras.py`."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from codegen.functions import activations, constraints, initializers, regularizers
from codegen.functions.registry import Registry, snake_case
from codegen.layers import optimizers
from codegen.layers.kinds import LAYERS
from codegen.layers.layer import Layer
from codegen.specs import quantised
from codegen.specs.kinds import KINDS
from codegen.specs.parameters import REQUIRED, Parameter, parameters

ROOT = Path(__file__).resolve().parent.parent
CASES = tomllib.loads((ROOT / "tests" / "data" / "keras_cases.toml").read_text("utf-8"))
SAME = "as in Keras"

HEAD = """\
# What of Keras is here

`codegen.Conv1D` and the other kinds can be written in place of `keras.layers.Conv1D`: the same arguments in the same
order with the same defaults, the same weights, the same numbers but for their last digits. This page lists every
argument, method, initializer, regularizer, constraint, activation and optimizer, and where one differs from Keras 3,
and why.

By default a layer may take a transform ([accuracy](planning.md#accuracy)): then a NaN or an infinity in x spoils the
tile of outputs around it, where Keras has it in those that see it. `accuracy="exact"` keeps it there, with direct sums.

It is written by `docs/write_keras.py` from the tables that the code itself reads; a test holds it to them. The oracle
is Keras on its PyTorch backend: the tests compare random layers over all arguments with it, and run
[Keras' own test cases](#keras-own-test-cases).
"""
OF_TENSORFLOW = """\
`tf.layers.Conv1D` has the same words but `groups`, and no causal padding. A `kernel_initializer` of None is
`glorot_uniform`, there and here.
"""
SEEDS = """\
With a whole number as seed the values are those of Keras' NumPy backend, bit for bit but for `Orthogonal`. Without one
they are drawn anew, from the same distribution. Any callable `(shape, dtype)` serves too, and any subclass of
`codegen.initializers.Initializer`.
"""
PENALTIES = """\
`layer.losses` has the activity penalty of the last call, divided by its batch, and then those of the weights; none of
the weights' when the layer is not trainable.
"""
UPDATES = """\
ε is 1e-7 and n the norm over `axis`, of which 0 are the taps; the norm of a filter needs `axis = [0, 1]`. A constraint
is applied after an optimizer's update, and to trainable weights only.
"""
NEW = "not in Keras"
INT8 = (*quantised.GRID, *quantised.SUMS, "rounding", "depthwise_scale", "depthwise_zero_point")
OF_INT8 = "[layers of int8](int8.md)"
ARGUMENTS = {  # argument → how it differs from Keras, and why
    "name": "a C identifier, because the C function has it; without one `conv1d`, `conv1d_1`, …, as in Keras",
    "input_shape": "without the batch; with steps the kernel is compiled for that length, and takes no other",
    "strides": "go together with `dilation_rate`; Keras' `Conv1D` and `Conv1DTranspose` refuse that, and so does "
    "`--strict-keras`",
    "padding": "also `(left, right)`, which models of PyTorch and ONNX need, and causal for depthwise and separable "
    "layers, which Keras has for `Conv1D` only; `--strict-keras` refuses both. A tap outside the input is skipped, "
    "Keras multiplies it by 0: the same number, but for a weight that is infinite or NaN",
    "data_format": "None is `channels_last`; Keras takes None from its own configuration",
    "activation": "fused into the kernel; a callable of your own is applied by Python after it, and refused by the "
    "command line and for emission",
    "bias_initializer": "None is zeros, as Keras' documentation says; its code takes `glorot_uniform`",
    "dtype": "of input, weights, sums and output alike; no mixed precision but for int8's sums. `storage` keeps "
    "the kernel's weights in fewer bits, and is no part of a config",
    "activity_regularizer": "no part of the emitted C",
    **dict.fromkeys(INT8, f"{NEW}; {OF_INT8}"),
}
METHODS = {
    "__call__": "`out=` writes in place, `copy=` refuses conversions; no `training=` and no masks, which Keras' "
    "convolutions ignore",
    "build": "a layer with an `input_shape` is built from the start",
    "get_weights": "in Keras' order",
    "set_weights": "the arrays are then read-only, so that a call in another thread sees old ones or new ones",
    "summary": "in Keras a model's",
    "save_weights": "in Keras a model's, and other files",
    "load_weights": "in Keras a model's, and other files",
    "losses": "numbers, where Keras has tensors",
    "quantize": "codes of an array for a layer of int8; Keras' own turns a layer into one",
    "gradients": "not in Keras, whose backends differentiate",
    **dict.fromkeys(("bind", "macs", "macs_per_step", "origin", "output_steps", "plan", "receptive_field"), NEW),
    **dict.fromkeys(("dequantize", "emit", "plot_response", "response", "spec", "storage"), NEW),
    **dict.fromkeys(("stream", "warm"), NEW),
}
ATTRIBUTES = {"origin": "What the layer was copied from, another library's layer or module; None where it was not"}
INITIALIZERS = {
    "STFT": "every window that `scipy.signal.get_window` takes by its name alone, but `taylor`",
    "Orthogonal": "equal to Keras' NumPy backend to rounding, not bit for bit: its QR is LAPACK's",
}
ACTIVATIONS = {
    "softplus": "exact for every x; PyTorch's, so Keras', is x from 20 on",
    "softsign": "-1 and 1 at -inf and inf, where Keras answers NaN",
    **dict.fromkeys(("silu", "gelu", "mish", "squareplus", "hard_silu"), "0 at -inf, where Keras answers NaN"),
    "sparsemax": "sums to 1, as its paper has it; the code of Keras 3.15 sums the sums of the largest, right only "
    "where one number is left (issue 23425 of Keras)",
}
ROWWISE = "over the channels, whatever the data format: Keras takes the last axis, which for `channels_first` is time"
MISSING = (
    ("`lora_rank`, `lora_alpha`, `enable_lora`, `quantize`", "ways of training and of storing large language models"),
    ("masks (`supports_masking`)", "Keras' convolutions do not support them either"),
    ("`keras.random.SeedGenerator` as a seed", "it holds a backend's state; a seed is a whole number here"),
    ("`mixed_float16` and other dtype policies", "sums are taken in the layer's dtype; weights may be stored in less"),
    ("2-D and 3-D layers", "this is a library of one dimension"),
    (
        "`Dense`, pooling, recurrent layers as classes",
        "they are nodes of a [`model`](models.md), which `from_keras` reads too",
    ),
    (
        "`use_ema`, `ema_momentum`, `ema_overwrite_frequency`, `gradient_accumulation_steps`, `loss_scale_factor`",
        "an optimizer of your own, or the loop around it, averages weights and gradients; float32 needs no scale",
    ),
    ("other optimizers", "a subclass of `Optimizer` with its `update` is one ([training](training.md#optimizers))"),
)
TOLD_OF_CASES = """\
`tests/live/test_keras_cases.py` reads them from the wheel that is installed and runs them with this project's
classes where Keras' stood; the counts are those of Keras {version}. Those that cannot pass, and why not:
"""


def page() -> str:
    """The page. Raises LookupError where a remark is about something that is not in the tables."""
    arguments = _arguments()
    _demand(ARGUMENTS, arguments)
    parts = [
        HEAD,
        _section("Layers", ("in a file", "in Python", "what it is"), map(_kind, KINDS.values())),
        _section(
            "Arguments", ("argument", "of", "default", "what it is", "beside Keras"), map(_argument, arguments.values())
        ),
        OF_TENSORFLOW,
        _section("Methods and attributes", ("of a layer", "what it is", "beside Keras"), _methods()),
        _registry("Initializers", initializers.REGISTRY, INITIALIZERS),
        SEEDS,
        _registry("Regularizers", regularizers.REGISTRY, {}),
        PENALTIES,
        _registry("Constraints", constraints.REGISTRY, {}),
        UPDATES,
        _section("Activations", ("activation", "f(x)", "options", "beside Keras"), _activations()),
        _section("Optimizers", ("optimizer", "what it is"), _optimizers()),
        _section("Not here", ("of Keras", "why"), MISSING),
        _cases(),
    ]
    return "\n".join(parts)


def _section(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return f"## {title}\n\n" + "\n".join(lines) + "\n"


def _demand(remarks: Mapping[str, str], known: Iterable[str]) -> None:
    stale = set(remarks) - set(known)
    if stale:
        raise LookupError(f"remarks about what is not there: {', '.join(sorted(stale))}")


def _kind(kind: type[Any]) -> tuple[str, ...]:
    said = _first(inspect.getdoc(kind)).removeprefix(f"keras.layers.{kind.keras}")
    return f"`{kind.kind}`", f"`codegen.{LAYERS[kind].__name__}`", said.lstrip(":. ")


def _arguments() -> dict[str, list[tuple[type[Any], Parameter]]]:
    """Every argument of every kind, by name."""
    found: dict[str, list[tuple[type[Any], Parameter]]] = {}
    for kind in KINDS.values():
        for name, parameter in parameters(kind).items():
            found.setdefault(name, []).append((kind, parameter))
    return found


def _argument(known: list[tuple[type[Any], Parameter]]) -> tuple[str, ...]:
    """One row; the default is that of the first kind that has it, the words too, and others' where they differ."""
    first = known[0][1]
    of = "all" if len(known) == len(KINDS) else ", ".join(f"`{kind.keras}`" for kind, _ in known)
    default = "required" if first.default is REQUIRED else f"`{first.default}`"
    others = [f"`{kind.keras}`: {parameter.doc}" for kind, parameter in known if parameter.doc != first.doc]
    return f"`{first.name}`", of, default, " ".join([first.doc, *others]), ARGUMENTS.get(first.name, SAME)


def _methods() -> Iterable[tuple[str, ...]]:
    """The public attributes of a layer, as their own docstrings tell them."""
    found = {name: inspect.getattr_static(Layer, name) for name in dir(Layer) if name == "__call__" or name[0] != "_"}
    told = {name: inspect.getdoc(getattr(one, "fget", one)) for name, one in found.items() if name != "kind"}
    _demand(METHODS, told)
    for name, text in told.items():
        shown = "layer(x)" if name == "__call__" else name
        yield f"`{shown}`", _first(text) or ATTRIBUTES[name], METHODS.get(name, SAME)


def _registry(title: str, registry: Registry[Any], remarks: Mapping[str, str]) -> str:
    """A table of classes with their names, options and values."""
    _demand(remarks, (cls.__name__ for cls in registry.classes))
    rows = []
    for cls in registry.classes:
        also = [word for word, name in registry.aliases.items() if name == cls.__name__]
        names = ", ".join(f"`{word}`" for word in (cls.__name__, snake_case(cls.__name__), *also))
        options = ", ".join(f"{spot.name} = {spot.default!r}" for spot in fields(cls) if spot.init) or "none"
        rows.append((names, options, _first(inspect.getdoc(cls)), remarks.get(cls.__name__, SAME)))
    return _section(title, (title[:-1].lower(), "options", "what it makes", "beside Keras"), rows)


def _activations() -> Iterable[tuple[str, ...]]:
    rows = (*activations.ROWS, *activations.ROWWISE)
    _demand(ACTIVATIONS, (row.name for row in rows))
    for row in rows:
        names = ", ".join(f"`{name}`" for name in (row.name, *row.aliases))
        options = ", ".join(map(_option, row.options)) or "none"
        remarks = (ROWWISE if row.rowwise else "", ACTIVATIONS.get(row.name, ""))
        beside = "; ".join(filter(None, remarks)) or SAME
        yield names, _first(inspect.getdoc(row.reference)), options, beside


def _option(option: activations.Option) -> str:
    return option.name if option.required else f"{option.name} = {option.default}"


def _optimizers() -> Iterable[tuple[str, ...]]:
    for name in optimizers.__all__:
        yield f"`codegen.optimizers.{name}`", _first(inspect.getdoc(getattr(optimizers, name)))


def _first(text: str | None) -> str:
    """The claim of a docstring: its first paragraph's first sentence, in one line."""
    paragraph = " ".join((text or "").split("\n\n")[0].split())
    return paragraph.rstrip(".")


def _cases() -> str:
    """Keras' own tests: what passes of each file, and why the others cannot."""
    words = ("passes", "skips", "cannot")
    counts = {file: [found.get(word, 0) for word in words] for file, found in CASES["counts"].items()}
    counts["all"] = [sum(column) for column in zip(*counts.values(), strict=True)]
    rows = ((f"`{file}`" if file != "all" else file, *map(str, found)) for file, found in counts.items())
    table = _section("Keras' own test cases", ("file in Keras' wheel", "pass", "skip themselves", "cannot"), rows)
    why = "\n".join(f"* {entry['why']}: {_cases_named(entry['cases'])}" for entry in CASES["cannot"])
    return f"{table}\n{TOLD_OF_CASES.format(version=CASES['keras'])}\n{why}\n"


def _cases_named(patterns: list[str]) -> str:
    """The cases' names, without their files and classes."""
    return ", ".join(f"`{pattern.rpartition('::')[2]}`" for pattern in patterns)


if __name__ == "__main__":
    Path(__file__).with_name("keras.md").write_text(page(), encoding="utf-8")
