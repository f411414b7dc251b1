"""Tests of codegen/layers."""
