"""The endpoint that composes live music, a bar a call."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from models.music.notes import Domain
from models.picture.readouts import READOUTS
from webapp.context import Context
from webapp.fit import learned
from webapp.live.music import MOST_SEED
from webapp.live.steering import MOST
from webapp.ui.endpoints.endpoint import Endpoint, Token
from webapp.ui.handlers import listener_of

Degrees = Annotated[
    list[Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]],
    Field(min_length=len(READOUTS), max_length=len(READOUTS)),
]


class ComposedBar(TypedDict):
    """A bar: notes as onset and length in ticks (24 a quarter), MIDI pitch and velocity."""

    session: str
    number: int
    tempo_bpm: float
    ticks: int
    tonic: int
    major: bool
    notes: list[list[int]]
    sides: dict[str, float]


def live_bar(  # noqa: PLR0917 (what Gradio gives, by its place)
    context: Context,
    token: Token,
    readouts: Degrees,
    session: Annotated[str, Field(max_length=64)] = "",
    domain: Domain = "pop",
    seed: Annotated[int, Field(ge=0, le=MOST_SEED)] = 0,
    way: Literal["annotated", "learned"] = "annotated",
) -> ComposedBar:
    """Compose the next bar of live music by what is seen: one step of what the page Live does.

    Args:
        token: the listener's token.
        readouts: brightness, warmth, busyness, size and motion of what is seen, -3 to 3 each; 0 is as usual.
        session: that of the bar before, by which the music goes on; empty begins anew. It ends after 30 idle seconds.
        domain: the kind of music, where it begins.
        seed: which music, where it begins.
        way: annotated (bright is high, warm is major, busy is dense, large is loud, fast is fast), or learned (as the
            listener's picks of what fits say), where it begins.

    Returns:
        The session to go on with, the bar's number, tempo and length in ticks (24 a quarter), its key, its notes (onset
        and length in ticks, MIDI pitch, velocity), and what the readouts asked of each side of the music.
    """
    listener_id = listener_of(context, token)
    try:
        known = uuid.UUID(session) if session else None
    except ValueError:
        known = uuid.UUID(int=0)  # nobody's, and refused as such
    if known is None:
        links = learned.links_for(context.database, listener_id, way)
        known = context.live.begin(listener_id, domain, seed, links)
    bar = context.live.next_bar(listener_id, known, dict(zip(READOUTS, readouts, strict=True)))
    return {
        "session": str(known), "number": bar.number, "tempo_bpm": round(bar.tempo_bpm, 2), "ticks": bar.ticks,
        "tonic": bar.tonic, "major": bar.major, "notes": bar.piece.notes.tolist(), "sides": dict(bar.sides),
    }  # fmt: skip


ENDPOINTS = (Endpoint("live_bar", live_bar),)
