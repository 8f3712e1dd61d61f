"""In which units the model counts what is played, in the order in which it is drawn."""

from __future__ import annotations

from .score import VELOCITY_UNIT

TEMPO, LATE, LOUD, LONG = range(4)
ASPECTS = ("tempo", "late", "loud", "long")
UNITS = (0.03, 0.03, VELOCITY_UNIT, 0.4)  # log ratio; seconds; velocity; log ratio
FRAME = 0.032 / UNITS[1]  # Pop1K7 was transcribed in frames of 32 ms: all its onsets lie on them
LEAST_SCALE = (-4.0, -4.0, -3.0, -3.5)  # natural logarithms, in units: finer than the data tell
