"""Whole models of Keras, live ones and those in .keras and .h5 files, as graphs: one code reads the config of each."""
