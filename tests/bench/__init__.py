"""Tests of codegen/bench."""
