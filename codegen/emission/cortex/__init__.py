"""int8 kernels in assembly for Arm's Cortex-M: a file NAME.S beside the portable NAME.c, each with the same function.

`dsp` writes for the DSP extension (Cortex-M4, M7, M33), `helium` for the vectors of the M55.
"""
