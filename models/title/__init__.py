"""Two towers: a melody encoder and a title encoder whose vectors agree where title and tune belong together.

``two_tower.load_towers`` gives an ensemble that embeds titles and tunes; ``tunes.tunes_of`` makes tunes of pieces.
Begin with ``two_tower.py``. ``training.py`` says how towers are trained, ``evaluation.py`` how they are
compared. ``writer.py`` writes titles for melodies, and ``generation.py`` says what these are worth.
"""
