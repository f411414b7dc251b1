"""The .conv language: from text to specs, and back to text."""
