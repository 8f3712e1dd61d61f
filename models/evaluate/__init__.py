"""Evaluation commands, one a file: ``python -m models.evaluate.NAME [--data DIR] [--model PATH] [--seed N]``.

Each prints a table for people and one JSON object as its last line (``models.experiments.report``); none trains the
weights that it evaluates. Begin with ``style.py`` and ``taste.py``.
"""
