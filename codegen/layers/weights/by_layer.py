"""The weights of layers by their specs: read and checked, or made by the initializers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import WeightsError
from codegen.functions.initializers import Initializer, drawn, draws
from codegen.layers import weights
from codegen.numbers import formats
from codegen.specs.quantised import SCALED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.specs.kinds import Spec
    from codegen.specs.model_kinds import ModelSpec

    AnySpec = Spec | ModelSpec

Arrays: TypeAlias = "dict[str, NDArray[Any]]"

LEAST = -127  # of an int8 kernel
TINY = 2.0**-126  # the least float32 that is not denormal
# The fields of the kinds in the order in which Keras draws their seeds
INITIALIZERS = (
    "kernel_initializer",
    "depthwise_initializer",
    "pointwise_initializer",
    "recurrent_initializer",
    "bias_initializer",
)


def for_specs(source: str | os.PathLike[str] | Mapping[str, Any], specs: Iterable[AnySpec]) -> dict[str, Arrays]:
    """The arrays of each layer by name and parameter, from a file or mapping of LAYER/parameter; see `weights.read`."""
    specs = tuple(specs)
    shapes = {f"{spec.name}/{name}": shape for spec in specs for name, shape in spec.weight_shapes().items()}
    dtypes = {f"{spec.name}/{name}": spec.weight_dtype(name) for spec in specs for name in spec.weight_shapes()}
    single = {name for name in shapes if name.endswith(SCALED)}
    found = weights.read(source, shapes, dtypes, single)
    for spec in specs:
        if spec.dtype in formats.WHOLE:
            _hold_codes(spec, found)
    return {spec.name: {name: found[f"{spec.name}/{name}"] for name in spec.weight_shapes()} for spec in specs}


def _hold_codes(spec: AnySpec, found: Mapping[str, NDArray[Any]]) -> None:
    """Raises WeightsError for a weight of -128, and for a scale that is no positive number."""
    import numpy as np

    for name in spec.weight_shapes():
        array, place = found[f"{spec.name}/{name}"], f"array `{spec.name}/{name}`"
        if name.endswith("kernel") and array.min(initial=0) < LEAST:
            at = list(map(int, np.argwhere(array < LEAST)[0]))
            raise WeightsError(f"{place}: got -128 at {at}, expected -127 to 127: int8 kernels are symmetric")
        if name.endswith(SCALED) and not (np.isfinite(array) & (array >= TINY)).all():
            at = list(map(int, np.argwhere(~(np.isfinite(array) & (array >= TINY)))[0]))
            raise WeightsError(f"{place}: got {array[tuple(at)]:g} at {at}, expected a positive float32, not denormal")


def save(path: str | os.PathLike[str], held: Mapping[str, Mapping[str, Any]], storages: Mapping[str, str]) -> None:
    """Write the arrays of layers, given by layer and parameter, as LAYER/parameter; see `codegen.weights.save`.

    `storages` tells for each layer how its weights are stored; biases are as they are computed with.
    """
    named = {f"{layer}/{name}": (layer, name) for layer, arrays in held.items() for name in arrays}
    found = {each: held[layer][name] for each, (layer, name) in named.items()}
    halves = {each: storages[layer] for each, (layer, name) in named.items() if name != "bias"}
    weights.save(path, found, storage=halves)


def initial(specs: Iterable[AnySpec], *, seed: int | None = None, repeatable: bool = False) -> dict[str, Arrays]:
    """What the initializers make for each layer, by name and parameter; `seed` as in `seeded`.

    With `repeatable`, a random initializer without a seed raises WeightsError: its values would differ in every run.
    """
    made: dict[str, Arrays] = {}
    for spec in specs if seed is None else seeded(specs, seed):
        _demand_initial(spec)
        made[spec.name] = {}
        for name, shape in spec.weight_shapes().items():
            initializer = getattr(spec, spec.option_of(name, "initializer"))
            if repeatable and isinstance(initializer, Initializer) and not initializer.deterministic:
                message = f"array `{spec.name}/{name}`: {initializer} has no seed, so every run would differ"
                raise WeightsError(f"{message}; give it one, as in seed=7, or say --seed N")
            made[spec.name][name] = _made(spec, name, initializer, shape)
    return made


def _demand_initial(spec: AnySpec) -> None:
    if spec.dtype in formats.WHOLE:
        raise WeightsError(f"`{spec.name}`: a layer of {spec.dtype} has no initial weights: give them with weights=")


def kept_initial(spec: AnySpec) -> tuple[Arrays, str | None]:
    """What the initializers make for a layer, read from the cache where it was made before; and what names all of it.

    The name is None where another process would make other values.
    """
    import numpy as np

    from codegen.machine import kept

    _demand_initial(spec)
    made: Arrays = {}
    names: list[str | None] = []
    for name, shape in spec.weight_shapes().items():
        initializer = getattr(spec, spec.option_of(name, "initializer"))
        told = drawn(initializer, shape, spec.dtype)
        named = kept.named("drawn", np.__version__, told) if told else None
        made[name] = kept.array(named, shape, spec.dtype, partial(_made, spec, name, initializer, shape))
        names.append(named)
    return made, None if None in names else " ".join(map(str, names))


def seeded(specs: Iterable[AnySpec], seed: int) -> Iterator[AnySpec]:
    """The specs with a seed in each random initializer that had none, drawn in order from `seed`.

    The values are then those of these layers in Keras after `keras.utils.set_random_seed(seed)`.
    """
    seeds = draws.default_seeds(seed)
    for spec in specs:
        found = {field: getattr(spec, field, None) for field in INITIALIZERS}
        given: dict[str, Any] = {
            field: initializer.with_seed(next(seeds))
            for field, initializer in found.items()
            if isinstance(initializer, Initializer) and not initializer.deterministic
        }
        yield replace(spec, **given) if given else spec


def _made(spec: AnySpec, name: str, initializer: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """One array; an initializer of somebody's own is held to the shape, and one of ours to finite numbers."""
    import numpy as np

    from codegen.numbers.arrays import demand_numbers, found_in, weight

    place = f"{spec.name}/{name}"
    with np.errstate(over="ignore", invalid="ignore"):
        found = found_in(initializer(shape, spec.dtype), f"array `{place}`: its initializer", WeightsError)
    if found.shape != shape:
        message = f"array `{place}`: its initializer made shape {found.shape}, expected {shape}"
        raise WeightsError(f"{message}; return an array of the shape that it is called with")
    demand_numbers(found, spec.dtype, f"array `{place}`: its initializer", WeightsError)
    if isinstance(initializer, Initializer) and not np.isfinite(found).all():
        at = [int(i) for i in np.argwhere(~np.isfinite(found))[0]]
        message = f"array `{place}`: its initializer {initializer} made {found[tuple(at)]} at {at}"
        raise WeightsError(f"{message}, expected finite numbers of {spec.dtype}; give it smaller ones")
    return weight(found, spec.dtype, place)
