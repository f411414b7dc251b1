"""The C of a model: its stages as static functions of one file, and the function that calls them in their order."""
