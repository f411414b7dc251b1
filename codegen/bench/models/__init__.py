"""The benchmark of whole models: ours whole or in blocks, beside peers that compute the same graph."""
