"""Tests of codegen/problem."""
