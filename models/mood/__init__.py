"""Mood: what a listener would say that music expresses, by valence and arousal, and how clips are moved there.

``judge.load_mood`` gives two judges, ``steering`` moves clips, ``liking`` says what somebody wants. Begin with
``labels.py`` and ``judge.py``; ``training.py`` and ``control.py`` are what the commands run, and ``beats.py`` finds the
beats of performances that have no bars.
"""
