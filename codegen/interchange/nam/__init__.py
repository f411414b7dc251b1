"""Neural amp models (.nam): one module an architecture. Source: NeuralAmpModelerCore daae2d0, NAM/get_dsp.cpp."""
