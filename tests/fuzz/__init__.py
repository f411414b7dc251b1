"""Searches for faults among random inputs: a share of each runs in the test command, all of it before a release."""
