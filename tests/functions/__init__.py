"""Tests of codegen/functions."""
