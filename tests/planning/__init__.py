"""Tests of codegen/planning."""
