"""What a listener likes: heads that learn from picks, what to play next, what people share, explanations, search.

A ``head.Head`` is one listener's belief over a ``space.TasteSpace``; ``policy`` chooses what to
ask, ``search`` finds latents that it would like, ``explain`` says why. Begin with ``likelihood.py`` and ``head.py``.
"""
