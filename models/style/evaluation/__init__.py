"""What is measured of a style model: reconstruction, swaps, edits, quality of what it composes, relations of styles.

Each module adds its figures to a report; ``run.evaluate`` runs all that ``python -m models.evaluate.style`` prints.
Begin with ``clips.py``, the held-out clips that everything is measured on.
"""
