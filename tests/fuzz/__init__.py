"""The tests: a second manual."""
