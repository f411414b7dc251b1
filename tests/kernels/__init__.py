"""The oracle chain: recorded answers, the reference, scalar C, every target."""
