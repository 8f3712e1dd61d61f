"""What a listener may want of music beside its being to their taste: calmer or tenser, and a mood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, Tag, TypeAdapter

from models.mood import liking as mood_cost
from models.mood.liking import MoodName
from models.music.notes import Domain
from models.tension import liking as tension_cost
from webapp.composing.steered_search import Dial
from webapp.generation.protocol import Generator, Mood, Rewards

TENSION, MOOD = NOTED = ("tension", "mood")  # in the latents' ``piece``, and from there in the recipe
FORM = "form"  # of a whole piece, in jobs and recipes
WISHED = "wish"  # in a recipe's mood, beside valence and arousal as they were heard

Degree = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class MoodPlace(Mood):
    """A place of valence and arousal that music is to have, -1 to 1 each."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    valence: Degree
    arousal: Degree


WantedMood = Annotated[
    Annotated[MoodName, Tag("name")] | Annotated[MoodPlace, Tag("place")],
    Discriminator(lambda given: "name" if isinstance(given, str) else "place"),
]  # a name stands for its corner
_wanted: TypeAdapter[WantedMood] = TypeAdapter(WantedMood)


def dials(generation: Generator, domain: Domain, *, tension: int, mood: WantedMood | None) -> Sequence[Dial[Any]]:
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


def mood_dial(generation: Generator, mood: WantedMood) -> Dial[Mood]:
    """What a piece is to express, as the judges of mood hear it."""
    place, noted = place_of(mood), mood if isinstance(mood, str) else noted_mood(mood)
    return Dial(
        name=MOOD,
        hear=lambda pieces: generation.moods(pieces).moods,
        cost=lambda heard: mood_cost.cost(
            [(each.valence, each.arousal) for each in heard], (place.valence, place.arousal)
        ),
        note=lambda heard: {WISHED: noted, **noted_mood(heard)},
    )


def place_of(mood: WantedMood) -> MoodPlace:
    """Where on valence and arousal a mood lies."""
    if isinstance(mood, MoodPlace):
        return mood
    valence, arousal = mood_cost.corner(mood)
    return MoodPlace(valence=float(valence), arousal=float(arousal))


def wanted_mood(noted: object) -> MoodPlace | None:
    """The place of a mood as jobs and recipes have it, a name or a place; None where there is none."""
    return None if noted is None else place_of(_wanted.validate_python(noted))


def noted_mood(mood: Mood) -> dict[str, float]:
    """A mood as recipes have it."""
    return {"valence": round(mood.valence, 3), "arousal": round(mood.arousal, 3)}
