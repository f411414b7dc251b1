"""Problem and target to a plan: algorithms, transforms, costs, error bounds."""
