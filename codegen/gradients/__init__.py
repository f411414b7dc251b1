"""Gradients: generated backward kernels, as specialised as the forward ones. docs/training.md tells more."""

from __future__ import annotations
