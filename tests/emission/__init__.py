"""Tests of codegen/emission."""
