"""What a listener may want of music beside its being to their taste: calmer or tenser, and a mood.

``SteeredSearch`` goes by what is heard as well: how open the future of drafts is, or which mood they have. The head
chooses first, by its own score, ``SEARCHED`` written drafts; these are heard by the generation server, and among them
what lies away from what is wanted loses as its ``Dial`` says. Nothing is recombined, since only what is written can be
heard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Generic, TypeVar

import numpy as np
from pydantic import ConfigDict, Discriminator, Field, Tag, TypeAdapter

from models.mood import liking as mood_cost
from models.mood.liking import MoodName
from models.music.notes import Domain
from models.style.drafts import Draft
from models.style.pieces.forms import SECTION_BARS
from models.taste.head import Head
from models.taste.search import SEARCHED, Candidate, Candidates, FloatArray, best_latents, scores
from models.taste.space import TasteSpace
from models.tension import liking as tension_cost
from webapp.generation.protocol import Generator, Mood, Rewards

Heard = TypeVar("Heard")


@dataclass(frozen=True)
class Dial(Generic[Heard]):
    """Something that is wanted of a piece beside its being liked, noted in its recipe under ``name``.

    ``hear`` says what pieces (``Piece.to_json``) are like, None for one that can't be heard; ``cost`` what each of them
    loses ``(N,)``, in standard deviations of the head's score; ``note`` what the recipe says of one.
    """

    name: str
    hear: Callable[[Sequence[dict[str, Any]]], Sequence[Heard | None]]
    cost: Callable[[Sequence[Heard]], FloatArray]
    note: Callable[[Heard], dict[str, Any]]


@dataclass
class SteeredSearch:
    """A search among drafts for ``head``; what the ``dials`` cost is added up.

    ``written`` for what is wanted are drafts that are heard however well the head likes them.
    """

    head: Head
    space: TasteSpace
    kappa: float
    dials: Sequence[Dial[Any]]
    written: Sequence[Draft] = ()
    # of what could be heard, by the id of its latents: what each dial has heard
    _heard: dict[int, list[Any]] = field(default_factory=dict)

    def search(self, candidates: Candidates, drafts: Sequence[Draft], wanted: int) -> list[Candidate]:
        """As a bank asks for it; where too few drafts are written, as if no dial were turned."""
        places = self._audible(self._liked(candidates, drafts), drafts)
        if len(places) < wanted:
            return best_latents(self.head, self.space, candidates, wanted, kappa=self.kappa)
        heard = [self._heard[id(drafts[place].latents)] for place in places]
        away = np.sum([dial.cost(of) for dial, of in zip(self.dials, zip(*heard, strict=True), strict=True)], axis=0)
        among = candidates.chosen(places)
        found = best_latents(self.head, self.space, among, wanted, kappa=self.kappa, cost=away)
        return [replace(each, origin=places[each.origin]) for each in found]

    def noted(self, draft: Draft) -> Draft:
        """The draft, with what was asked of it and what was heard."""
        heard = zip(self.dials, self._heard.get(id(draft.latents), ()), strict=False)
        piece = {**draft.latents.piece, **{dial.name: dial.note(of) for dial, of in heard}}
        return replace(draft, latents=replace(draft.latents, piece=piece))

    def _liked(self, candidates: Candidates, drafts: Sequence[Draft]) -> list[int]:
        """The places of the drafts with notes that the head likes best, and of those written for what is wanted."""
        wanted = {id(draft.latents) for draft in self.written}
        mine = [place for place, draft in enumerate(drafts) if draft.notes and id(draft.latents) in wanted]
        written = [place for place, draft in enumerate(drafts) if draft.notes and place not in mine]
        if not written:
            return mine
        features = self.space.with_distances(candidates.chosen(written).lines)
        order = np.argsort(-scores(self.head, features, self.kappa), kind="stable")
        return [*mine, *(written[place] for place in order[:SEARCHED])]

    def _audible(self, places: Sequence[int], drafts: Sequence[Draft]) -> list[int]:
        """Those that every dial can hear."""
        new = [draft for draft in (drafts[place] for place in places) if draft.notes and not self._knows(draft)]
        if new:
            music = [draft.notes.to_json() for draft in new if draft.notes]
            for draft, *heard in zip(new, *(dial.hear(music) for dial in self.dials), strict=True):
                if None not in heard:
                    self._heard[id(draft.latents)] = heard
        return [place for place in places if self._knows(drafts[place])]

    def _knows(self, draft: Draft) -> bool:
        return id(draft.latents) in self._heard


TENSION, MOOD = NOTED = ("tension", "mood")  # in the latents' ``piece``, and from there in the recipe
FORM = "form"  # of a whole piece, in jobs and recipes
IN_FORM = "in_form"  # in a recipe: whether its form was asked for, and not heard in what was written
FORMS: Mapping[Domain, str] = {"pop": "", "dance": "AABB", "chorale": ""}  # of the whole, where none is asked for
SECTIONS: Mapping[Domain, int] = {"pop": SECTION_BARS, "dance": SECTION_BARS, "chorale": 4}  # bars of what is heard
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
