"""ONNX files as graphs, by a reader of their bytes of our own: small, with limits, and without the onnx package."""
