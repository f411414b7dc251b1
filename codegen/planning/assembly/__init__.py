"""Kernels in assembly for Arm's Cortex-M, as they are planned: how each goes over a layer, and what it costs."""
