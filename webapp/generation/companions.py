"""The models beside the composer, each loaded when it is first asked: tension, mood, title towers, pictures, an agent.

Tension hears curves along a piece and rewards of many; the judges of mood what pieces express; the towers give vectors
of words and melodies; the picture model shows what music looks like, bar by bar; the agent writes in the composer's
place.
"""

from __future__ import annotations

import base64
import io
import logging
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from PIL import Image

from models.atlas.points import load_shipped_map
from models.mood.judge import MoodBundle, load_mood
from models.mood.labels import LEAST_NOTES
from models.mood.steering import nearest
from models.music.notes import Domain, MusicError, Piece
from models.picture.autoencoder import PictureBundle, Pixels, load_pictures
from models.picture.drawing import PictureDrawing, Slopes, is_older
from models.picture.drawings import Drawings, load_drawings
from models.picture.film import SIDE
from models.picture.moving import subject_json
from models.picture.reading import PictureError
from models.picture.tie.checkpoint import load_tie
from models.picture.tie.scoring import AXES, ROTATION
from models.picture.tie.showing import A_BAR, Shower
from models.rating.agent import TENSION_AGENT
from models.rating.agent.policy import load_agent
from models.style.compose import Composer
from models.style.latents import Latents
from models.tension.score import TensionBundle, curves, load_tension, score
from models.title.tunes import Tune, note_fields
from models.title.two_tower import TitleBundle, load_towers
from models.title.writer import WRITTEN, Known, WriterBundle, capitalised, ideas, load_writer, written_for
from webapp.generation.protocol import (
    BadRequest,
    CurvesResult,
    DrawingsRequest,
    DrawingsResult,
    GeneratorUnavailable,
    Look,
    Mood,
    MoodsResult,
    PicturesResult,
    Rewards,
    RewardsResult,
    TowersResult,
    WrittenTitlesResult,
)

log = logging.getLogger(__name__)


Bundle = TypeVar("Bundle")


class _Loading(Generic[Bundle]):
    """A shipped model, which ``load`` gives when it is first asked for; ``called`` so where it can't be used."""

    def __init__(self, load: Callable[[], Bundle], called: str) -> None:
        self._load, self._called = load, called
        self._lock = threading.Lock()
        self._bundle: Bundle | None = None

    def _loaded(self) -> Bundle:
        if self._bundle is None:
            try:
                self._bundle = self._load()
            except (OSError, ValueError) as error:  # such as one that was trained with another piece model
                raise GeneratorUnavailable(f"{self._called} cannot be used: {error}") from error
        return self._bundle


class Tension(_Loading[TensionBundle]):
    """The shipped model; may be asked from many threads."""

    def __init__(self) -> None:
        super().__init__(load_tension, "the tension model")

    def curves(self, notes: dict[str, Any], domain: Domain) -> CurvesResult:
        """What is heard along a piece (``Piece.to_json``); raises ``BadRequest`` for one that can't be heard.

        Both raise ``GeneratorUnavailable`` where the model can't be loaded.
        """
        with self._lock:
            bundle = self._loaded()
            try:
                found = curves(bundle, replace(Piece.from_json(notes), domain=domain))
            except MusicError as error:
                raise BadRequest(str(error)) from error
        return CurvesResult(curves=found.to_json(), model_version=bundle.version)

    def rewards(self, pieces: Sequence[dict[str, Any]], domain: Domain) -> RewardsResult:
        """The rewards of pieces (``Piece.to_json``), in their order; None for one that can't be heard."""
        found: list[Rewards | None] = []
        for notes in pieces:
            with self._lock:
                bundle = self._loaded()
                try:
                    measured = bundle.ears.measure(replace(Piece.from_json(notes), domain=domain))
                except MusicError:
                    found.append(None)
                else:
                    usual = bundle.usual[domain]
                    worth, surprise = score(measured, usual), usual.standard(measured, "surprise")
                    found.append(Rewards(future=worth.future, past=worth.past, both=worth.both(), surprise=surprise))
            time.sleep(0.001)  # let others have the lock
        return RewardsResult(rewards=found, model_version=bundle.version)


class TrainedWriter:
    """The composer with the shipped agent, trained for the tension model's reward, in its writer's place.

    May be asked from many threads.
    """

    def __init__(self, composer: Composer, folder: Path = TENSION_AGENT) -> None:
        self._composer, self._folder = composer, folder
        self._lock = threading.Lock()
        self._found: tuple[Composer, Sequence[str]] | None = None

    def composer(self, domain: Domain) -> Composer:
        """Whoever drafts with it; raises ``BadRequest`` where no agent is there for this domain or this composer."""
        with self._lock:
            if self._found is None:
                self._found = self._load()
        trained, domains = self._found
        if domain not in domains:
            raise BadRequest(f"no trained writer was shipped for {domain}; one writes {', '.join(domains)}")
        return trained

    def _load(self) -> tuple[Composer, Sequence[str]]:
        writer, version = self._composer.writer, self._composer.version
        if writer is None:
            raise BadRequest(f"the model {version} has no piece model, and so no trained writer")
        try:
            agent = load_agent(self._folder, writer)
            return self._composer.with_writer(agent.writer(writer)), agent.card["domains"]
        except (OSError, ValueError) as error:  # none is shipped, or it learned on another writer
            raise BadRequest(f"the model {version} has no trained writer: {error}") from error


class MoodJudges(_Loading[MoodBundle]):
    """The shipped judges; may be asked from many threads."""

    def __init__(self) -> None:
        super().__init__(load_mood, "the judges of mood")

    def moods(self, pieces: Sequence[dict[str, Any]]) -> MoodsResult:
        """What both judges say of pieces (``Piece.to_json``), in their order; None for one with too few notes.

        Raises ``GeneratorUnavailable`` where they can't be loaded.
        """
        found: list[Mood | None] = []
        with self._lock:
            bundle = self._loaded()
        for notes in pieces:
            piece = Piece.from_json(notes)
            if len(piece.notes) < LEAST_NOTES:
                found.append(None)
                continue
            said = bundle.judge([piece])
            found.append(Mood(valence=float(said.valence[0]), arousal=float(said.arousal[0])))
        return MoodsResult(moods=found, model_version=bundle.version)

    def nearest(self, pieces: Sequence[Piece], wished: tuple[float, float]) -> Piece:
        """The one whose valence and arousal both judges together find nearest; the first where they can't be loaded."""
        try:
            with self._lock:
                bundle = self._loaded()
        except GeneratorUnavailable as error:
            log.warning("no_judges_of_mood error=%s", error)
            return pieces[0]
        said = bundle.judge(list(pieces))
        return pieces[nearest(wished, np.stack([said.valence, said.arousal], 1))]


class Towers:
    """The shipped towers and the writer of titles; may be asked from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bundle: TitleBundle | None = None
        self._writer: WriterBundle | None = None
        self._known: Known = Known.of(())

    def vectors(self, titles: list[str], melodies: list[dict[str, Any]]) -> TowersResult:
        """Unit vectors of titles and of pieces (``Piece.to_json``); raises ``BadRequest`` for one without a melody."""
        with self._lock:
            bundle = self._loaded()
            tunes = [_tune(notes) for notes in melodies]
            return TowersResult(
                titles=bundle.towers.titles(titles).tolist() if titles else [],
                melodies=bundle.towers.melodies(tunes).tolist() if tunes else [],
                model_version=bundle.version,
            )

    def write(self, notes: dict[str, Any], count: int, seed: int) -> WrittenTitlesResult:
        """At most ``count`` new titles for a piece (``Piece.to_json``), those first that the towers put nearest.

        Raises ``BadRequest`` for a piece without a melody.
        """
        with self._lock:
            towers, tune = self._loaded().towers, _tune(notes)
            if self._writer is None:
                self._writer, drawn = load_writer(), load_shipped_map("titles")
                self._known = Known.of(drawn.points.texts if drawn else ())
            written = written_for(self._writer.writer, [tune], WRITTEN, seed)[0]
            new = ideas(written, self._known)
            order = np.argsort(-(towers.titles(new) @ towers.melodies([tune])[0]), kind="stable") if new else ()
            titles = [capitalised(new[place]) for place in order[:count]]
            return WrittenTitlesResult(titles=titles, model_version=self._writer.version)

    def _loaded(self) -> TitleBundle:
        if self._bundle is None:
            self._bundle = load_towers()
        return self._bundle


def _tune(notes: dict[str, Any]) -> Tune:
    """A piece (``Piece.to_json``) as the towers take it; raises ``BadRequest`` for one without a melody."""
    try:
        fields = note_fields(Piece.from_json(notes))
    except MusicError as error:
        raise BadRequest(str(error)) from error
    if len(fields) < 2:
        raise BadRequest("a melody of at least two notes is needed")
    return Tune("asked", "asked", ("asked",), None, "asked", fields)


MOST_SUBJECTS = 100


@dataclass(frozen=True)
class _Loaded:
    pictures: PictureBundle
    shower: Shower
    drawing: PictureDrawing
    watched: Drawings
    slopes: Slopes


class MusicShown:
    """Shows music with the shipped models; may be asked from many threads."""

    def __init__(self, composer: Composer) -> None:
        self._composer, self._lock = composer, threading.Lock()
        self._models: _Loaded | None = None

    def pictures(self, notes: dict[str, Any], domain: Domain, look: Look) -> PicturesResult:
        """Drawings that move with a piece (``Piece.to_json``).

        Raises ``BadRequest`` for what can't be shown, and ``GeneratorUnavailable`` where a model can't be loaded.
        """
        own = None if look.subjects is None else _squares(look.subjects)
        with self._lock:
            models = self._loaded()
            shower = replace(
                models.shower, links=None if look.links is None else np.array(look.links, dtype=np.float64)
            )
            if own is not None:
                shower = replace(shower, subjects=models.pictures.encode(own).astype(np.float64))
            try:
                if look.way in (AXES, ROTATION):
                    shower.tie.require(pictures=models.pictures.version)
                piece = replace(Piece.from_json(notes), domain=domain)
                own_seed = look.seed + zlib.crc32(piece.notes.tobytes())  # else all pieces have the same pictures
                found = shower.show(piece, look.way, own_seed)
            except (MusicError, ValueError) as error:
                raise BadRequest(str(error)) from error
            drawings = models.watched
            moments = found.graded(drawings) if own is not None else found.drawn(drawings)
        if own is not None:
            subjects = [{"image": base64.b64encode(_png(own[row])).decode()} for row in found.subjects]
        else:
            subjects = [subject_json(drawings.names[row], drawings.drawings[row]) for row in found.subjects]
        return PicturesResult(
            subjects=subjects, moments=[each.to_json() for each in moments], a_bar=A_BAR,
            model_version=models.pictures.version,
        )  # fmt: skip

    def drawings(self, request: DrawingsRequest, *, decoded: bool) -> DrawingsResult:
        """New pictures or given ones, measured; raises as ``pictures`` does."""
        with self._lock:
            drawing = self._loaded().drawing
            try:
                found = _wanted(drawing, self._loaded().slopes, request)
                stored = [each.to_json() for each in found]
                # what is stored is rounded: shown is what will be drawn again from it
                files = [_file(drawing, Latents.from_json(each)) for each in stored] if decoded else []
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise BadRequest(f"latents of a picture are needed: {error}") from error
        pictures = [base64.b64encode(each).decode() for each in files]
        return DrawingsResult(latents=stored, pictures=pictures, model_version=drawing.pictures.version)

    def _loaded(self) -> _Loaded:
        if self._models is None:
            try:
                pictures, tie = load_pictures(), load_tie()
                slopes = Slopes.load(pictures.folder, pictures.version)
                drawings = load_drawings()
            except (OSError, ValueError, PictureError) as error:
                raise GeneratorUnavailable(f"the picture model cannot be used: {error}") from error
            watched = drawings.rich()
            shower = Shower(tie, watched.latents, self._composer)
            drawing = PictureDrawing(pictures, drawings)
            self._models = _Loaded(pictures, shower, drawing, watched, slopes)
        return self._models


def _wanted(drawing: PictureDrawing, slopes: Slopes, request: DrawingsRequest) -> list[Latents]:
    """What is asked for, measured; raises as ``pictures`` does, ``KeyError`` for what can't be turned."""
    if request.brought is not None:
        return drawing.encode(_squares(request.brought))
    if request.latents is None:
        near = None if request.near is None else Latents.from_json(request.near)
        return drawing.draw(request.count, request.seed, near=near, keep=request.keep)
    given = [Latents.from_json(each) for each in request.latents]
    turned = request.turned or [{}] * len(given)
    if len(turned) != len(given):
        raise BadRequest(f"turned: {len(turned)} for {len(given)} pictures were given")
    if not any(turned):
        return [each if is_older(each) else drawing.measure([each])[0] for each in given]
    return [slopes.turned(drawing, each, by) for each, by in zip(given, turned, strict=True)]


def _squares(strip: str) -> Pixels:
    """The pictures on a strip; raises ``BadRequest`` where it is none."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(strip, validate=True)), formats=("PNG",)) as image:
            width, height = image.size
            if width != SIDE or not 0 < height <= MOST_SUBJECTS * SIDE or height % SIDE:
                raise BadRequest(f"{width} × {height} pixels were given; {SIDE} wide, and squares are needed")
            pixels = np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise BadRequest("what was given is no PNG in base64") from error
    return pixels.reshape(-1, SIDE, SIDE, 3)


def _file(drawing: PictureDrawing, latents: Latents) -> bytes:
    """The SVG of a drawing, or the PNG of a picture that is older than these."""
    if is_older(latents):
        return _png(drawing.decode_older([latents])[0])
    return drawing.decode([latents])[0].svg().encode()


def _png(picture: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()
