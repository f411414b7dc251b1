"""Tests of codegen/machine."""
