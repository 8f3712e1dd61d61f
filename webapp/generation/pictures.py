"""The picture model beside the composer: what music looks like, bar by bar; loaded when it is first asked."""

from __future__ import annotations

import base64
import io
import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from models.music.notes import Domain, MusicError, Piece
from models.picture.autoencoder import Pixels
from models.picture.checkpoint import PictureBundle, load_pictures
from models.picture.drawing import PictureDrawing, is_older
from models.picture.drawings import Drawings, load_drawings
from models.picture.film import SIDE
from models.picture.moving import subject_json
from models.picture.reading import PictureError
from models.picture.tie.checkpoint import load_tie
from models.picture.tie.scoring import AXES
from models.picture.tie.showing import A_BAR, Shower, Shown
from models.picture.turning import Slopes
from models.style.compose import Composer
from models.style.latents import Latents
from webapp.generation.protocol import (
    BadRequest,
    DrawingsRequest,
    DrawingsResult,
    GeneratorUnavailable,
    Look,
    PicturesResult,
)

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
                if look.way == AXES:
                    shower.tie.require(pictures=models.pictures.version)
                piece = replace(Piece.from_json(notes), domain=domain)
                latents = shower.show(piece, look.way, look.seed)
                found = Shown.of(shower, piece, look.seed, latents)
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
