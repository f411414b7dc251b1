"""Tests of the language; beside them a text and its errors for each code."""
