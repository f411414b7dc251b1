"""What is computed, and on what: problems in plain integers, numbers, targets, the reference."""
