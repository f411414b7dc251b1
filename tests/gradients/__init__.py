"""Tests of codegen/gradients."""
