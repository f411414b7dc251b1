"""Keras' layer kinds as frozen definitions, and the rules they keep."""
