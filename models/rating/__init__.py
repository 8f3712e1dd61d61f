"""The rating network: how much a sound of any length will be liked, learned from plays and likes.

``rater.load_bundle`` gives a model and ``rater.rate`` rates a sound with it; ``crossfit`` trains one. ``dreaming``
makes sounds that it likes, ``agent`` plays for it. Begin with ``plays.py``, ``sound.py`` and ``network.py``.
"""
