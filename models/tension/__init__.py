"""Beauty without labels: how open a piece's future is to one model, and how well another recognises its past.

``score.load_tension`` gives both models, ``score.curves`` hears a piece with them. Begin with ``future.py`` and
``past.py``; ``evaluation.py``, ``persons.py``, ``guided.py`` and ``heads.py`` measure what the score is worth.
"""
