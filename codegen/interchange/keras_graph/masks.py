"""Masks of Keras: which layers hand on the mask of what they read, and which skip the steps that it hides.

A Masking of 0 leaves every number as it is; only a layer that skips steps makes a difference. Such a one is refused.
Source: keras/src/layers, `supports_masking`, `compute_mask` and the argument `mask`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from codegen.errors import ConversionError
from codegen.errors.quoting import NAME, exactly, plainly
from codegen.interchange.drawing import Drawing
from codegen.interchange.keras_graph.part import Part
from codegen.interchange.tensors import Tensor, Unserved
from codegen.records import dataclass

__all__ = ["Mask", "compared", "constant", "demand_read", "handed_on", "mask", "masked", "masking", "parted"]

SKIPPING = (  # Multiply and those after it leave the masked numbers of one input out
    *("LSTM", "GRU", "SimpleRNN", "Bidirectional", "GlobalAveragePooling1D", "Softmax"),
    *("Multiply", "Minimum", "Maximum"),
)
ENDING = (  # whose outputs have no mask, whatever they read
    *("Conv1D", "DepthwiseConv1D", "SeparableConv1D", "Conv1DTranspose", "MaxPooling1D", "AveragePooling1D"),
    *("GlobalMaxPooling1D", "ZeroPadding1D", "Cropping1D", "UpSampling1D"),
    *("RepeatVector", "Flatten", "Reshape", "Permute"),
)
ALL = ("Add", "Subtract", "Average")  # which are masked where all their inputs are


@dataclass(frozen=True)
class Mask(Unserved):
    """Whether the steps of a tensor are to be read; `of` is what was compared, None for what is the same for all."""

    of: Tensor | None


def mask(of: Tensor | None) -> Mask:
    """The mask of what is compared."""
    return Mask("reads a comparison or a mask, which is no value here", of)


def masking(drawing: Drawing, part: Part) -> Tensor:
    """A Masking layer: its input, with a mask. Raises ConversionError of a value that is not 0."""
    told = part.config.get("mask_value")
    if told is not None and told.value != 0:
        way = "mask steps of zeros, with mask_value=0"
        raise ConversionError(f"has mask_value={plainly(told.value, NAME)}, whose steps become zeros; {way}")
    drawing.sketch.note(f"{plainly(part.name, NAME)}, Masking, changes nothing: no layer behind it skips steps")
    return replace(part.one, masked=part.name)


def compared(drawing: Drawing, part: Part) -> Any:
    """keras.ops.not_equal, of which Keras makes masks by itself."""
    return mask(part.inputs[0])


def constant(drawing: Drawing, part: Part) -> Any:
    """keras.ops.ones_like, of which Keras makes the masks of inputs that have none."""
    return mask(None)


def parted(part: Part) -> tuple[Part, list[Any]]:
    """The part without the argument `mask`, and all that is a mask among its arguments."""
    kwargs = {word: one for word, one in (part.kwargs or {}).items() if word != "mask"}
    given = (part.kwargs or {}).get("mask")
    return replace(part, kwargs=kwargs), [*_found(given, (Mask, Tensor)), *_found((part.args, kwargs), Mask)]


def _found(held: Any, kinds: Any) -> Iterator[Any]:
    if isinstance(held, kinds):
        yield held
    elif isinstance(held, (list, tuple)):
        for one in held:
            yield from _found(one, kinds)
    elif isinstance(held, Mapping):
        yield from _found(list(held.values()), kinds)


def masked(inputs: Sequence[Tensor], given: Sequence[Any]) -> list[Tensor | None]:
    """The inputs of a model, with a mask that is `given` where they have none."""
    return [replace(one, masked=one.masked or ("mask" if given else "")) for one in inputs]


def demand_read(part: Part, given: bool) -> None:
    """Raises ConversionError where the part skips steps: those of a Masking layer before it, or of a mask `given`."""
    masked = next((one.masked for one in part.inputs if one.masked), "")
    if not (masked or given) or part.kind not in SKIPPING:
        return
    if not masked:
        raise ConversionError("skips the steps of its `mask`, which all steps reach here; call it without one")
    way = f"leave the Masking out with skip=[{exactly(masked, NAME)}] where x has no steps of zeros alone"
    raise ConversionError(f"skips the steps that `{plainly(masked, NAME)}` masks, which all steps reach here; {way}")


def handed_on(part: Part, made: Any, operation: bool) -> Any:
    """What a part made, with the mask that Keras' layer gives it; an `operation` gives none."""
    if part.kind == "Masking" or not isinstance(made, Tensor):
        return made
    masks = [] if operation else [one.masked for one in part.inputs]
    ends = part.kind in ENDING or (part.kind in ALL and not all(masks))
    return replace(made, masked="" if ends else next(filter(None, masks), ""))
