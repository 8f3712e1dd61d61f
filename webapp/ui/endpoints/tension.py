"""The endpoint that hears notes: surprise, uncertainty and recognition, and a score without labels."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from models.tension.curves import Curves
from webapp.context import Context
from webapp.runtime.limits import FILE_BYTES
from webapp.tension import heard_music, own_music
from webapp.ui.endpoints.endpoint import SLOW, Endpoint, File, SourceName, Token, taken
from webapp.ui.handlers import listener_of


class Recognised(TypedDict):
    """What was recognised after so many bars: for each, classes with their chances, the likeliest first."""

    task: str
    after: list[int]
    likeliest: list[list[tuple[str, float]]]


class Foreseen(TypedDict):
    """By bar, what was to be expected so many bars ahead: see the endpoint; null where nothing can be said."""

    ahead: int
    returns: list[float | None]
    like: list[int | None]
    uncertainty: list[float | None]
    surprise: list[float | None]
    returned: list[bool | None]


class HeardFile(TypedDict):
    """A file's scores, and by bar what was heard; null where nothing can be said."""

    name: str
    domain: str
    score: float | None
    open_future: float | None
    known_past: float | None
    surprise: list[float | None]
    uncertainty: list[float | None]
    recognised: list[float | None]
    told: list[Recognised]
    foreseen: list[Foreseen]
    problem: str


def tension(
    context: Context, token: Token, files: Annotated[list[File], Field(max_length=heard_music.MOST_FILES)]
) -> list[HeardFile]:
    """Hear MIDI or ABC files: how open their future is and how well their past is known, the best score first.

    Args:
        token: the listener's token.
        files: 1 to 12 MIDI or ABC files; of a book of tunes the first are heard, each by itself.

    Returns:
        For each file or tune what it was heard as; score, open_future and known_past in standard deviations of real
        music of that kind, null for less than four bars with notes; and for each bar the surprise and uncertainty of a
        note in nats, and how surely the bar is found to be the piece's own among sixteen. told: domain, collection,
        meter, key, and fifths of valence and arousal after one, two, four and eight bars. foreseen, one, two and four
        bars ahead: the chance that the coming bar is like one of the last eight, which one that is (from 0), nats of
        the whole bar, and whether it was so. Whether such a score tells what people like has not been shown.
    """
    listener_id = listener_of(context, token)
    return [
        told(each.name, each.curves, each.problem)
        for each in heard_music.hear(listener_id, taken(context, files, FILE_BYTES))
    ]


def told(name: str, found: Curves, problem: str = "") -> HeardFile:
    """As the endpoint answers it."""
    both, future, past = found.rewards
    return {
        "name": name, "domain": found.domain, "score": both, "open_future": future, "known_past": past,
        "surprise": list(found.surprise), "uncertainty": list(found.uncertainty), "recognised": list(found.recognised),
        "told": [
            {"task": each.task, "after": list(each.after), "likeliest": [list(row) for row in each.likeliest]}
            for each in found.recognitions
        ],
        "foreseen": [
            {
                "ahead": each.ahead, "returns": list(each.returns), "like": list(each.like),
                "uncertainty": list(each.uncertainty), "surprise": list(each.surprise),
                "returned": list(each.returned),
            }
            for each in found.horizons
        ],
        "problem": problem,
    }  # fmt: skip


def open_future(context: Context, token: Token, clip: SourceName) -> HeardFile:
    """Hear a clip or a piece of the studio: how open its future is and how well its past is known.

    Args:
        token: the listener's token.
        clip: a clip that the listener may hear, or a piece of theirs.

    Returns:
        The same as tension gives for a file.
    """
    listener_id = listener_of(context, token)
    return told(clip, own_music.hear(context.database, context.generation, listener_id, clip))


ENDPOINTS = (Endpoint("tension", tension, SLOW), Endpoint("open_future", open_future, SLOW))
