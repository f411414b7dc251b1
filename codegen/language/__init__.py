"""The .conv language: from text to definitions, and back to text."""
