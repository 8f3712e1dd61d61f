"""What a generator is asked and what it answers; the in-process engine and the remote client both speak it.

What an error of the generator means for whoever asked is put in words here, with an HTTP status.
"""
# ruff: noqa: N818 (the exceptions are the seam's words, one an HTTP status)

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, Field

from models.music.notes import Domain
from models.style.latents import MOST_GUIDANCE, TEMPERATURE, TOP_P
from webapp.runtime.errors import NotAllowed, NotReady, Overdue, Problem
from webapp.runtime.requests import Strict


class Source(Strict):
    """Where content or one style comes from: notes of a piece (``Piece.to_json``) or latents (``Latents.to_json``)."""

    notes: dict[str, Any] | None = None
    latents: dict[str, Any] | None = None


class Locked(Strict):
    """What of the content stays: ``bars`` (counted from 0) and the melody note for note, harmony and rhythm as latents.

    ``notes`` (``Piece.to_json``, of as many bars as the content) are those that stay, and whose tune is to be heard in
    many styles of others; by default the content's own, which latents alone can't tell.
    """

    bars: list[Annotated[int, Field(ge=0, le=7)]] = Field(default_factory=list, max_length=8)
    melody: bool = False
    harmony: bool = False
    rhythm: bool = False
    notes: dict[str, Any] | None = None


class GenerateRequest(Strict):
    """One clip to compose. With no content it comes from nothing; each style replaces that group of latents.

    ``keep`` says how much of the content stays where neither ``locks`` nor styles hold it: 1 all of its latents, 0
    nothing, in between the prior's flow starts that far on its way to the content. ``guidance`` says how strictly a
    draw goes by its domain, key and codes: 1 as learned, 0 as if nothing had been asked for, up to 4 the stricter. The
    same request alone gives the same notes again on the same machine.
    """

    id: str = Field(min_length=1, max_length=64)
    model: str | None = None
    domain: Domain = "pop"
    content: Source | None = None
    styles: dict[str, Source] = Field(default_factory=dict)
    keep: float = Field(default=1.0, ge=0.0, le=1.0)
    guidance: float = Field(default=1.0, ge=0.0, le=MOST_GUIDANCE)
    locks: Locked = Field(default_factory=Locked)
    bars: int = Field(default=8, ge=1, le=8)
    seed: int = Field(default=0, ge=0, lt=2**63)
    temperature: float = Field(default=TEMPERATURE, ge=0.0, le=2.0)
    top_p: float = Field(default=TOP_P, gt=0.0, le=1.0)
    deadline_ms: int = Field(default=20_000, ge=1, le=600_000)
    stream: bool = False


class GenerateResult(BaseModel):
    """A composed clip: notes (``Piece.to_json``), its latents, and the recipe to make it again.

    Of a picture in place of notes the ``image``, a PNG in base64.
    """

    id: str
    notes: dict[str, Any]
    latents: dict[str, Any]
    recipe: dict[str, Any]
    model_version: str
    queue_ms: float
    decode_ms: float
    image: str = ""


class LatentsResult(BaseModel):
    """Latents that the prior draws near a clip's (``Latents.to_json`` each), without notes."""

    latents: list[dict[str, Any]]
    model_version: str


class DraftsResult(BaseModel):
    """Clips from nothing (``Draft.to_json`` each): latents, with the notes where these were written first."""

    drafts: list[dict[str, Any]]
    model_version: str


MOST_ASKS = 64  # clips at once


class AskedResult(BaseModel):
    """What was written as it was asked for (``Draft.to_json`` each), null where that could not be offered."""

    drafts: list[dict[str, Any] | None]
    model_version: str


class PlayedOnResult(BaseModel):
    """A whole piece (``Piece.to_json``) that begins with given notes, and the ``writer`` that played them on."""

    notes: dict[str, Any]
    writer: str
    model_version: str


class EncodeResult(BaseModel):
    """The latents of a given piece (``Latents.to_json``), and the bars that they tell of (``Piece.to_json``)."""

    latents: dict[str, Any]
    notes: dict[str, Any]
    model_version: str


class TowersResult(BaseModel):
    """Unit vectors of titles and melodies in the space of the title towers."""

    titles: list[list[float]]
    melodies: list[list[float]]
    model_version: str


class WrittenTitlesResult(BaseModel):
    """Titles that were written for a piece, the one that fits it best first."""

    titles: list[str]
    model_version: str


class Rewards(BaseModel):
    """What a piece is worth by its tension, and how surprising a note of it is in the mean.

    In standard deviations of real music of its domain (``models.tension.score``).
    """

    future: float
    past: float
    both: float
    surprise: float


class RewardsResult(BaseModel):
    """The rewards of some pieces, in their order; None for one that can't be heard."""

    rewards: list[Rewards | None]
    model_version: str


class Mood(BaseModel):
    """What a piece expresses, as the judges of mood hear it: valence (sad to happy) and arousal (calm to lively).

    -1 to 1 each: how much likelier the one is than the other.
    """

    valence: float
    arousal: float


class MoodsResult(BaseModel):
    """The moods of some pieces, in their order; None for one with too few notes to be judged."""

    moods: list[Mood | None]
    model_version: str


class CurvesResult(BaseModel):
    """What is heard along a piece (``models.tension.curves.Curves.to_json``)."""

    curves: dict[str, Any]
    model_version: str


@dataclass(frozen=True)
class Look:
    """How music is shown: by which ``way``, in which order of pictures (``seed``), and by what else.

    ``links`` are the listener's, for the way "learned". ``subjects`` are pictures of their own, square and below one
    another (PNG in base64); by default those that come with Kallos.
    """

    way: str = "annotated"
    seed: int = 0
    links: Sequence[Sequence[float]] | None = None
    subjects: str | None = None


class PicturesResult(BaseModel):
    """Music in drawings: the ``subjects``, and how one of them looks ``a_bar`` times a bar, evenly, and at the end.

    A subject is a drawing's paths (``models.picture.moving.subject_json``), or with ``image`` a picture of one's own
    (PNG in base64), which is shown as it is. ``moments``: ``models.picture.moving.Moment.to_json`` each.
    """

    subjects: list[dict[str, Any]]
    moments: list[dict[str, Any]]
    a_bar: int
    model_version: str


class DrawingsRequest(Strict):
    """Pictures to draw: ``count`` new ones, as much as ``keep`` ``near`` another's latents, or those of ``latents``.

    ``turned``, one for each of ``latents``: attribute → by how many standard deviations it is to change. ``brought``:
    pictures to be encoded in place of all that, square and below one another (PNG in base64).
    """

    count: int = Field(default=1, ge=1, le=1024)
    seed: int = Field(default=0, ge=0, lt=2**63)
    near: dict[str, Any] | None = None
    keep: float = Field(default=0.0, ge=0.0, le=1.0)
    latents: list[dict[str, Any]] | None = Field(default=None, max_length=256)
    turned: list[dict[str, Annotated[float, Field(ge=-3, le=3, allow_inf_nan=False)]]] | None = None
    brought: str | None = None


class DrawingsResult(BaseModel):
    """Latents of pictures (``Latents.to_json`` each), with what was measured of each as it is decoded.

    ``pictures``: the SVG of each in base64, where they were asked for (PNG of one that is older than drawings are).
    """

    latents: list[dict[str, Any]]
    pictures: list[str]
    model_version: str


class GenerationError(Exception):
    """Base of everything a generator may answer instead of a clip."""


class BadRequest(GenerationError):
    """HTTP 400: what was asked can't be composed; the message says what is allowed."""


class QueueFull(GenerationError):
    """HTTP 503: the bounded queue is full; try again after ``retry_after_s``."""

    def __init__(self, retry_after_s: float = 1.0) -> None:
        super().__init__(f"the generation queue is full; try again in {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class DeadlinePassed(GenerationError):
    """HTTP 504: the clip wasn't ready before its deadline."""


class Cancelled(GenerationError):
    """The request was cancelled by its id."""


class GeneratorUnavailable(GenerationError):
    """No generator answers (down, starting, or unreachable)."""


class Generator(Protocol):
    """The seam: a generator composes one clip a request and may be asked from many threads at once."""

    def generate(self, request: GenerateRequest) -> GenerateResult:
        """Compose one clip, blocking; raises a ``GenerationError``."""
        ...

    def drafts(
        self,
        domain: str,
        count: int,
        seed: int,
        mood: Mood | None = None,
        *,
        trained: bool = False,
        background: bool = False,
    ) -> DraftsResult:
        """``count`` clips from nothing: where a search for one listener happens.

        They lean to a ``mood``, of which -1 and 1 are the ends, where the piece model knows of moods. ``trained``: the
        writer that was trained for the tension model's reward writes them; raises ``BadRequest`` where the domain, or
        the model, has none. In the ``background`` nobody waits for them.
        """
        ...

    def asked(self, domain: str, asks: Sequence[dict[str, Any]], seed: int) -> AskedResult:
        """Clips that are written from latents that the piece model is told (``Ask.to_json`` each)."""
        ...

    def latents(self, domain: str, count: int, seed: int, *, near: dict[str, Any], keep: float) -> LatentsResult:
        """``count`` latents that start ``keep`` (0 to 1) of the way to ``near`` (``Latents.to_json``), as long as it.

        A search near a clip happens among them.
        """
        ...

    def play_on(
        self,
        notes: dict[str, Any],
        bars: int,
        seed: int,
        form: str = "",
        mood: Mood | None = None,
        *,
        regular: bool = False,
    ) -> PlayedOnResult:
        """A piece (``Piece.to_json``) with so many more ``bars``, in which it comes to its end.

        ``form`` has sections of equal length over all its bars, such as AABB: a letter that comes again asks for its
        bars again. New bars lean to a ``mood``, of which -1 and 1 are the ends, where the piece model knows of moods.
        ``regular`` new bars are whole ones, of the meter of the last one that was given.
        """
        ...

    def encode(self, notes: dict[str, Any]) -> EncodeResult:
        """The latents of a piece (``Piece.to_json``)."""
        ...

    def rewards(self, pieces: Sequence[dict[str, Any]], domain: Domain) -> RewardsResult:
        """How open the future of pieces (``Piece.to_json``) is, and how well known their past."""
        ...

    def moods(self, pieces: Sequence[dict[str, Any]]) -> MoodsResult:
        """What pieces (``Piece.to_json``) express."""
        ...

    def drawings(self, request: DrawingsRequest, *, decoded: bool = False) -> DrawingsResult:
        """Pictures: their latents, measured, and with ``decoded`` their pixels too."""
        ...

    def cancel(self, request_id: str) -> bool:
        """Stop a queued or running request; whether there was one."""
        ...

    def health(self, *, waiting: bool = False) -> dict[str, Any]:
        """``{"status": "ok", "model_version": …, "device": …, "queued": …, "running": …}``."""
        ...

    def close(self) -> None:
        """Free threads, sockets and memory."""
        ...


log = logging.getLogger(__name__)
COMPOSER = "the composer"


def of_generator(error: GenerationError, who: str = COMPOSER, refused: str = "this can't be composed") -> Problem:
    """The answer to whoever asked ``who`` for something; ``refused`` begins why what they gave can't be used."""
    log.warning("generator_failed error=%s", error)
    match error:
        case BadRequest():
            return NotAllowed(f"{refused}: {error}")
        case DeadlinePassed():
            return Overdue(
                f"{who} did not get this done in time and gave it up; nothing is lost, try again in a minute"
            )
        case QueueFull():
            return NotReady(f"{who} is busy with what others asked for; nothing is lost, try again in a moment")
    return NotReady(f"{who} does not answer just now; nothing is lost, try again in a moment")


@contextmanager
def answered(who: str = COMPOSER, refused: str = "this can't be composed") -> Iterator[None]:
    """What the generator says within, instead of a result, is raised as ``of_generator`` tells it."""
    try:
        yield
    except GenerationError as error:
        raise of_generator(error, who, refused) from error
