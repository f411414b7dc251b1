"""Models of TensorFlow Lite: chains of int8 convolutions over time."""

from __future__ import annotations
