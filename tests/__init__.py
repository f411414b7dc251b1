"""The tests: a second manual."""

import os

# Read when NumPy is imported, which the tests do later: their products are small, and threads only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # PyTorch's
