"""Tests of codegen/language."""
