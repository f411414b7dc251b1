"""Layers of int8 beside other people's: the same codes, weights and scales for each, and codes out."""
