"""Arrays of xarray: what a layer makes of them keeps their names and coordinates."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codegen.layers.layer import Layer

__all__ = ["is_labelled", "like"]


def is_labelled(value: Any) -> bool:
    """Whether it is a DataArray of xarray, which has been imported then."""
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(value, getattr(xarray, "DataArray", ()))


def like(x: Any, y: Any, layer: Layer) -> Any:
    """The array y as a DataArray with the dimensions, name and attributes of x, from which it was made.

    Output t takes the coordinates of step t * stride, the channels theirs where there are as many filters. Coordinates
    are dropped along the other axes, and along the steps where padding makes outputs beyond the last one.
    """
    steps, channels = x.dims[-2:] if layer.spec.channels_last else x.dims[:-3:-1]
    outs = y.shape[x.get_axis_num(steps)]
    stride, lost = layer.spec.problem.stride, set[Any]()
    kept = x[{steps: slice(0, (outs - 1) * stride + 1, stride)}]
    if kept.sizes[steps] != outs:
        kept, lost = x, lost | {steps}
    if y.shape[x.get_axis_num(channels)] != x.sizes[channels]:
        lost |= {channels}
    coords = {name: one for name, one in kept.coords.items() if not lost & set(one.dims)}
    return type(x)(y, dims=x.dims, coords=coords, name=x.name, attrs=x.attrs)
