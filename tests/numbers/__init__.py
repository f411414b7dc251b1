"""Tests of codegen/numbers."""
