"""Evaluation commands: python -m models.evaluate.NAME; the last line is one JSON object."""
