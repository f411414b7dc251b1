"""Comparisons with PyTorch and Keras where they are installed."""
