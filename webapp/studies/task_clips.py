"""What is composed for a study's task: clips of each mood by each method, and music for pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from models.mood.control import TOGETHER, Composed, Method, chances, methods
from models.mood.judge import MoodBundle, load_mood
from models.mood.labels import AROUSAL, QUADRANTS, VALENCE, emopia
from models.music import corpora, played
from models.music.notes import Domain, MusicError, Piece
from models.music.performance import Performance, as_written
from models.picture import movie
from models.picture.autoencoder import load_pictures
from models.picture.drawings import load_drawings
from models.picture.film import Film
from models.picture.shorts import SHORTS, Shown
from models.picture.tie import scoring
from models.picture.tie.checkpoint import load_tie
from models.picture.vector import rendered
from models.style.bundle import model_folder
from models.style.compose import Composer
from models.style.drafting import draft_each, draft_many, play_each
from models.style.latents import BARS
from webapp.studies.design import MOODS
from webapp.studies.sources import SourceError

OF = 4  # pieces that are written for a mood, of which the judge takes the best
LOOKED_AT = 120  # real pieces, of which the judge says the mood
DRAWINGS = "drawings-cpu"
ROWS = {mood: row for row, mood in enumerate(MOODS)}  # of ``labels.QUADRANTS``
ForMood = Callable[[int], list[Piece]]  # clips of a quadrant


@dataclass(frozen=True)
class TaskClip:
    """A clip for a task; ``performance``: how it is played, where it isn't as all others are."""

    name: str
    system: str
    item: str
    piece: Piece
    recipe: dict[str, Any]
    performance: Performance | None = None


def for_moods(composer: Composer, wanted: Sequence[Mapping[str, Any]]) -> Iterator[TaskClip]:
    """Clips of each mood by each method (``design.ForMoods``), one after the other; raises ``SourceError``."""
    bundle = load_mood()
    drafts: dict[tuple[Domain, int], dict[str, Method]] = {}
    for place, each in enumerate(wanted):
        kind, seed, count = each["kind"], each["seed"], each["count"]
        if each["method"] == "real":
            make: ForMood = _real(bundle, kind, count, seed)
        elif each["method"] == "written":
            make = _written(composer, bundle, kind, count, seed)
        else:
            if (kind, seed) not in drafts:
                drafts[kind, seed] = _of_drafts(composer, bundle, kind, seed)
            make = _moved(drafts[kind, seed][each["method"]], count)
        for mood, row in ROWS.items():
            for number, piece in enumerate(make(row)):
                recipe = {**each, "mood": mood, "number": number, "model": composer.version, "piece": piece.piece_id}
                name = f"{each['system']}-{place + 1}-{mood}-{number + 1:03}"
                played_as = as_written(piece) if piece.performed else None
                yield TaskClip(name, each["system"], mood, piece, recipe, played_as)


def _of_drafts(composer: Composer, bundle: MoodBundle, kind: Domain, seed: int) -> dict[str, Method]:
    """The methods that begin with drafts which know of no mood."""
    drafts = draft_many(composer, kind, TOGETHER, seed)
    heard = play_each(composer, kind, drafts, range(TOGETHER))
    return methods(bundle, Composed(composer, drafts, heard), seed)


def _moved(method: Method, count: int) -> ForMood:
    """Each clip begins with another draft, for each mood with another one as well."""

    def make(quadrant: int) -> list[Piece]:
        rows = np.arange(TOGETHER)
        first = quadrant * TOGETHER // len(QUADRANTS)
        return [method(np.roll(rows, -(first + number)).tolist(), quadrant)[0] for number in range(count)]

    return make


def _written(composer: Composer, bundle: MoodBundle, kind: Domain, count: int, seed: int) -> ForMood:
    def make(quadrant: int) -> list[Piece]:
        mood = float(VALENCE[quadrant]), float(AROUSAL[quadrant])
        seeds = np.random.SeedSequence([seed, quadrant]).generate_state(OF * count, np.uint32).tolist()
        try:
            drafts = draft_each(composer, [kind] * len(seeds), seeds, mood)
        except ValueError as error:
            raise SourceError(f"nothing can be written for a mood with this model: {error}") from error
        pieces = play_each(composer, kind, drafts, seeds)
        fours = [pieces[start : start + OF] for start in range(0, len(pieces), OF)]
        return [four[int(chances(bundle.first, four, quadrant).argmax())] for four in fours]

    return make


def _real(bundle: MoodBundle, kind: Domain, count: int, seed: int) -> ForMood:
    """People's music: of EMOPIA where it is pop, whose mood annotators said; else where the judge is surest."""
    rng = np.random.default_rng(seed)
    if kind == "pop":
        try:
            found = emopia()
        except MusicError as error:
            raise SourceError(
                f"real pop piano comes from EMOPIA, which is not here ({error}); take real clips of another kind, "
                "such as dance, or leave them out"
            ) from error
        return lambda quadrant: [
            found.pieces[row] for row in rng.permutation(np.flatnonzero(found.quadrant == quadrant))[:count]
        ]
    names = [name for name in played.PLAYED if corpora.CORPORA[name].domain == kind and corpora.CORPORA[name].files()]
    pieces = [each.window(0, BARS) for name in names for each in corpora.load(name, limit=LOOKED_AT // len(names))]
    return lambda quadrant: [pieces[row] for row in (-chances(bundle.first, pieces, quadrant)).argsort()[:count]]


def for_pictures(composer: Composer, wanted: Sequence[Mapping[str, Any]], seconds: float) -> Iterator[TaskClip]:
    """A clip for each picture by each method (``design.ForPictures``); raises ``SourceError``."""
    scorer = scoring.Scorer(composer, load_pictures(), load_tie())

    @cache
    def score(shown: str, way: str, seed: int) -> scoring.Score:
        return scorer.score(_film(shown, seconds), way, seed)

    for each in wanted:
        names, another = each["shown"], each["method"] == "another"
        for place, shown in enumerate(names):
            seen = names[(place + 1) % len(names)] if another else shown
            made = score(seen, scoring.ANNOTATED if another else each["method"], each["seed"])
            recipe = {**each, "shown": shown, "composed_for": seen, "model": composer.version}
            yield TaskClip(f"{each['system']}-{shown}", each["system"], shown, made.piece, recipe, made.performance)


def _film(shown: str, seconds: float) -> Film:
    """A short film, or a drawing that is shown for some seconds."""
    if shown in SHORTS:
        return Shown.of(SHORTS[shown], load_drawings()).film()
    path = model_folder(DRAWINGS) / f"{shown}.svg"
    if not path.is_file():
        raise SourceError(f"there is no picture {shown!r}; there are v00 to v47, and the films {', '.join(SHORTS)}")
    picture = rendered(path.read_text(encoding="utf-8"), movie.CANVAS[1])
    return movie.slideshow([movie.on_canvas(Image.fromarray(picture))], picture_s=seconds)
