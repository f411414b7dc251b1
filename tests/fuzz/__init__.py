"""Searches for faults among random inputs: each module has `run(count, seed)`, how many it tried and what it found.

A share of each runs in the test command; `python -m tests.fuzz.release` runs all of them.
"""
