"""Tests of codegen/interchange."""
