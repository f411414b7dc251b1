"""Graph: what a model computes, as frozen nodes: shapes, rates, and what each node means in NumPy."""
