"""What a listener may want of music beside its being to their taste: calmer or tenser, and a mood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.mood import dial as mood_cost
from models.mood.dial import MoodName
from models.music.notes import Domain
from models.tension import dial as tension_cost
from webapp.composing.steered_search import Dial
from webapp.generation.protocol import Generator, Mood, Rewards

TENSION, MOOD = NOTED = ("tension", "mood")  # in the latents' ``piece``, and from there in the recipe
WISHED = "wish"  # in a recipe's mood, beside valence and arousal as they were heard


def dials(generation: Generator, domain: Domain, *, tension: int, mood: MoodName | None) -> Sequence[Dial[Any]]:
    """Those that are turned: ``tension`` away from 0, ``mood`` to one."""
    return [
        *([tension_dial(generation, domain, tension)] if tension else []),
        *([mood_dial(generation, mood)] if mood else []),
    ]


def tension_dial(generation: Generator, domain: Domain, step: int) -> Dial[Rewards]:
    """Calmer below 0, tenser above: how open the future of a piece is to be."""
    return Dial(
        name=TENSION,
        hear=lambda pieces: generation.rewards(pieces, domain).rewards,
        cost=lambda heard: tension_cost.cost([each.future for each in heard], step),
        note=lambda heard: {"dial": step, "future": round(heard.future, 3)},
    )


def mood_dial(generation: Generator, mood: MoodName) -> Dial[Mood]:
    """What a piece is to express, as the judges of mood hear it."""
    return Dial(
        name=MOOD,
        hear=lambda pieces: generation.moods(pieces).moods,
        cost=lambda heard: mood_cost.cost([(each.valence, each.arousal) for each in heard], mood),
        note=lambda heard: {WISHED: mood, **noted_mood(heard)},
    )


def mood_of(name: MoodName) -> Mood:
    """The corner of valence and arousal that a mood stands for."""
    valence, arousal = mood_cost.corner(name)
    return Mood(valence=float(valence), arousal=float(arousal))


def noted_mood(mood: Mood) -> dict[str, float]:
    """A mood as recipes have it."""
    return {"valence": round(mood.valence, 3), "arousal": round(mood.arousal, 3)}
