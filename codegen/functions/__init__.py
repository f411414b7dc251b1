"""What a layer may name: activations, initializers, regularizers, constraints, and their registry."""
