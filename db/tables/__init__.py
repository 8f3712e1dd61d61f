"""Mapped classes, one file a concept."""
