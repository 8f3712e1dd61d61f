"""What the learned style codes mean: pieces by their values that play, and in words how each goes with what has a name.

Pieces are real ones of collections that may be played, where the model has examples; else the pool's clips, by the
codes that are heard in them.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import offers as offer_rows
from models.experiments.report import Metric, read_evaluations
from models.metrics.music_statistics import ATTRIBUTES
from models.music.notes import Domain, MusicError
from models.style.code_examples import ABOUT, FILL, CodeExamples, Example
from models.style.latents import CODE_COUNT, CODE_LEVELS, CODES
from webapp.composing import media
from webapp.composing.sources import Source
from webapp.generation.protocol import BadRequest, GenerationError, of_generator
from webapp.research.styles.tables import LABELS, OF_CODES
from webapp.runtime import csv_text
from webapp.runtime.database import Database
from webapp.runtime.errors import NotYours
from webapp.runtime.recent import Recent
from webapp.studio.studio import Studio

log = logging.getLogger(__name__)

EACH, MOST_HEARD, KEPT = 2, 32, 400  # pieces of a value; of the pool's clips that are listened through; in memory
MOST_NAMED, MOSTLY, PARTLY = 3, 0.5, 0.1  # what explains a code, and which share of it is called so
WEAK, STRONG = 0.3, 0.6  # correlations below and above which a tie is called so
TOWARDS = {  # what less and more of an attribute is called
    "onsets_per_bar": ("calmer", "busier"), "mean_pitch": ("lower", "higher"), "mode": ("more minor", "more major"),
    "mean_velocity": ("softer", "louder"), "tempo_bpm": ("slower", "faster"), "notes_per_onset": ("thinner", "fuller"),
    "contour": ("more falling", "more rising"), "leap": ("more by step", "more by leap"),
}  # fmt: skip
COLLECTIONS = {
    "oneills1850": "O'Neill's", "ryansMammoth": "Ryan's", "airdsAirs": "Aird's", "bachChorales": "Bach's chorales",
}  # fmt: skip

_heard: Recent[tuple[str, str], tuple[tuple[int, ...], dict[str, Any]]] = Recent(KEPT)  # values from 0, notes
Places = dict[tuple[int, int], list["CodePiece"]]  # by code from 1 and value from 0
_hearing = threading.Lock()  # one at a time: votes come first


@dataclass(frozen=True)
class CodePiece:
    """A piece with one of a code's five values, ``level`` 0 to 4; ``come_from``: its collection, or the pool."""

    level: int
    title: str
    come_from: str
    seconds: float | None
    audio_url: str
    notes_url: str

    def to_json(self) -> dict[str, Any]:
        """For the page."""
        told = asdict(self)
        return {"from": told.pop("come_from"), **told}


@dataclass(frozen=True)
class Code:
    """A learned style code: pieces by its values, and in words how it goes with what has a name."""

    code: int
    told: str
    pieces: list[CodePiece]


@dataclass(frozen=True)
class Codes:
    """Every code; ``about``: where the real pieces come from; ``fill``: the command that finds some for this model."""

    codes: list[Code]
    about: dict[str, Any] | None
    fill: str | None

    def to_json(self) -> dict[str, Any]:
        """For the page."""
        codes = [{**vars(each), "pieces": [piece.to_json() for piece in each.pieces]} for each in self.codes]
        return {"codes": codes, "about": self.about, "fill": self.fill}


def read_codes(studio: Studio, listener_id: uuid.UUID, domain: Domain) -> Codes:
    """Every code with pieces that this listener may hear.

    Raises ``NotReady`` where there is nothing to play, and ``ValueError`` where what is saved can't be read.
    """
    known = CodeExamples.load(studio.style_folder)
    measured = read_evaluations(studio.style_folder).get(OF_CODES)
    places: Places = defaultdict(list)
    for place, example in enumerate(known.examples if known else ()):
        if example.domain == domain:
            places[example.code, example.level].append(_real(place, example))
    slots = [(code, level) for code in range(1, CODE_COUNT + 1) for level in range(CODE_LEVELS)]
    if any(len(places[slot]) < EACH for slot in slots):
        try:
            _add_composed(studio, listener_id, domain, places)
        except GenerationError as error:
            log.warning("codes_unheard listener=%s error=%s", listener_id, error)
            if not any(places.values()):
                raise of_generator(error) from error
    metrics = measured.metrics if measured else {}
    codes = [
        Code(
            code=code,
            told=f"{explained(known, domain, code) if known else ''} {meaning(metrics, code)}".strip(),
            pieces=[piece for level in range(CODE_LEVELS) for piece in places[code, level][:EACH]],
        )
        for code in range(1, CODE_COUNT + 1)
    ]
    current = known is not None and known.about["version"] == studio.space.version
    return Codes(codes, dict(known.about) if known else None, None if current else FILL)


def meaning(metrics: Mapping[str, Metric], code: int) -> str:
    """A sentence on how a code rises with what has a name, by its Spearman correlations and their intervals."""
    ties = {name: metrics[f"codes.{code}.{name}"] for name in ATTRIBUTES if f"codes.{code}.{name}" in metrics}
    sizes = {name: abs(tie.value) for name, tie in ties.items() if tie.value is not None}
    if not sizes:
        return "What goes with it has not been measured yet."
    real = {name: size for name, size in sizes.items() if (ties[name].low or 0) * (ties[name].high or 0) > 0}
    name = max(real or sizes, key=sizes.__getitem__)
    tie, size = ties[name], sizes[name]
    value = cast("float", tie.value)
    figures = f"{LABELS[name]}, {_signed(value)}, {_signed(tie.low)} to {_signed(tie.high)}"
    if not real:
        return f"Over all music no named attribute rises or falls with it; the nearest may be chance ({figures})."
    more = TOWARDS[name][value > 0]
    if size < WEAK:
        return f"Over all music, the higher, the {more}, but weakly ({figures}); nothing else rises with it more."
    how = "clearly" if size >= STRONG else "somewhat"
    return f"Over all music, the higher, {how} the {more} ({figures})."


def explained(known: CodeExamples, domain: str, code: int) -> str:
    """A sentence on how much of a code everything that has a name explains in a kind of music, and what is met most."""
    ties = [tie for tie in known.ties if (tie.domain, tie.code) == (domain, code)]
    if not ties:
        return ""
    real = sorted((tie for tie in ties if tie.share > tie.most), key=lambda tie: tie.chance - tie.share)
    told = [f"{LABELS.get(tie.name, tie.name)} {_percent(tie.share - tie.chance)}" for tie in real[:MOST_NAMED]]
    met = known.met[domain][code - 1]
    common = max(range(CODE_LEVELS), key=met.__getitem__)
    often = f"In this kind of music {_percent(met[common])} of the pieces have the value {common + 1}."
    if not told:
        return f"Nothing that has a name explains more of it here than chance would: it is for the ear. {often}"
    most = real[0].share - real[0].chance
    how = "What has a name explains it mostly" if most >= MOSTLY else "What has a name explains it partly"
    how = how if most >= PARTLY else "Hardly anything that has a name explains it"
    return f"{how}: {', '.join(told)} of how it varies, each alone and beyond chance. {often}"


def real_piece(studio: Studio, place: int) -> Source:
    """The example in this place with its first eight whole bars; raises ``NotYours`` or ``NotReady``."""
    known = CodeExamples.load(studio.style_folder)
    if known is None or not 0 <= place < len(known.examples):
        raise NotYours(f"there is no example {place}; GET /api/styles/codes tells which there are")
    from models.music.corpora import find_piece  # noqa: PLC0415 (readers of MIDI and scores)

    example, version = known.examples[place], studio.space.version
    try:
        _, notes = _listened(studio, example.piece_id, lambda: find_piece(example.piece_id).to_json())
    except (MusicError, BadRequest) as error:
        raise NotYours(f"{example.title} can't be played here: {error}") from error
    except GenerationError as error:
        raise of_generator(error) from error
    name, domain = f"codes/{version}/{example.piece_id}", cast("Domain", example.domain)
    return Source(name, domain, example.title, {}, notes, {}, version, mine=False, written=True)


def to_csv(style_folder: Path) -> str:
    """The real examples, a line each, with what chose them."""
    known = CodeExamples.load(style_folder)
    columns = ["domain", "code", "value", "piece_id", "title", *(f"model_{name}" for name in ABOUT[:2]), "seed"]
    lines = []
    for each in known.examples if known else ():
        about = [known.about[name] for name in ("version", "sha256", "seed")] if known else []
        value = 2 * each.level / (CODE_LEVELS - 1) - 1
        lines.append([each.domain, each.code, value, each.piece_id, each.title, *about])
    return csv_text.table(columns, lines, end="\n")


def _signed(value: float | None) -> str:
    return "not known" if value is None else f"{value:+.2f}".replace("-", "−")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _real(place: int, example: Example) -> CodePiece:
    collection = COLLECTIONS.get(example.piece_id.partition("/")[0], "a collection")
    address = f"/api/styles/codes/pieces/{place}/{{}}"
    return CodePiece(example.level, example.title, collection, None, address.format("flac"), address.format("notes"))


def _add_composed(studio: Studio, listener_id: uuid.UUID, domain: Domain, places: Places) -> None:
    """Clips of the pool where examples are missing, but for those that wait for a blind pair."""

    def pool(session: Session) -> list[tuple[uuid.UUID, float]]:
        waiting = offer_rows.ids_shown(session, listener_id, state="open")
        clips = studio.playable.clips(session, domain)
        there = zip(clips.ids, clips.seconds, strict=True)
        return [(clip_id, max(seconds)) for clip_id, seconds in there if clip_id not in waiting][:MOST_HEARD]

    for clip_id, seconds in studio.database.transaction(pool):
        try:
            levels, _ = _listened(studio, str(clip_id), partial(_notes, studio.database, clip_id))
        except BadRequest:
            continue
        at = media.of_clip(clip_id, seconds)
        for code, level in enumerate(levels, start=1):
            if len(places[code, level]) < EACH:
                title, origin = "Composed by Kallos", "the pool"
                places[code, level].append(
                    CodePiece(level, title, origin, seconds, at.format("audio"), at.format("notes"))
                )


def _notes(database: Database, clip_id: uuid.UUID) -> dict[str, Any]:
    clip = database.transaction(lambda session: clip_rows.get_clip(session, clip_id))
    if clip is None:
        raise BadRequest("it was deleted meanwhile")
    return clip.notes


def _listened(studio: Studio, name: str, notes: Callable[[], dict[str, Any]]) -> tuple[Sequence[int], dict[str, Any]]:
    """The values, from 0, of a piece's codes as the model hears them, and the bars that they tell of."""
    key = (studio.space.version, name)
    with _hearing:
        if (known := _heard.get(key)) is not None:
            return known
        found = studio.generation.encode(notes())
        codes = found.latents.get("piece", {}).get(CODES, ())
        levels = tuple(round((code + 1) / 2 * (CODE_LEVELS - 1)) for code in codes)
        return _heard.keep(key, (levels, found.notes))
