"""Fuzzers: each module has `run(count, seed)`, which returns how many it tried and what it found."""
