"""How a graph is computed: its stages in order, where each value lies, which tables of weights they read."""
