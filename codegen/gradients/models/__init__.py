"""The way back through a model: each op forward on a batch, with the function that takes a gradient back through it."""
