"""The room of pictures and pages."""
