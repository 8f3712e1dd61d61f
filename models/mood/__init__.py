"""Mood: what a listener would say that music expresses, by valence and arousal, and how clips are moved there."""
