<<<<<<< HEAD
"""Searches for faults among random inputs: a share of each runs in the test command, all of it before a release."""
=======
"""Fuzzers: each module has `run(count, seed)`, which returns how many it tried and what it found."""
>>>>>>> proof
