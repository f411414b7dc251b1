"""Bilinear algorithms: a short convolution as R products between a transform of the input and one of the weights."""
