"""Tests of codegen/specs."""
