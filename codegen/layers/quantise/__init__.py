"""Layers of floats to layers of int8: ranges seen in calibration, codes of weights, and the text that says so."""

from __future__ import annotations

from codegen.layers.quantise.chain import Quantised, quantised

__all__ = ["Quantised", "quantised"]
