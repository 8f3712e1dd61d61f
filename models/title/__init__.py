"""Two towers: a melody encoder and a title encoder whose vectors agree where title and tune belong together.

``checkpoint.load_towers`` gives an ensemble that embeds titles and tunes; ``tunes.tunes_of`` makes tunes of pieces.
Begin with ``two_tower.py``; ``training.py`` and ``runs.py`` say how towers are trained and compared.
"""
