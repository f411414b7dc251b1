"""Recorded answers, reviewed C, definitions and their errors."""
