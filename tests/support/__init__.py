"""What several tests use: C programs, strategies, recorded answers."""
