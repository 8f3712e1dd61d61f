"""A film set to music: its bars, the music that a way of tying makes for them, and how that is played in its time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from models.music.notes import Domain, Piece
from models.music.performance import Performance
from models.music.render import Audio, render_long
from models.picture import readouts
from models.picture.autoencoder import PictureBundle
from models.picture.film import Film
from models.picture.readouts import READOUTS
from models.picture.tie import annotated, bars, rotation, writing
from models.picture.tie.bars import BarLines, bar_lines, usual_bpm
from models.picture.tie.checkpoint import Tie
from models.style.compose import Composer
from models.style.fingerprint import LONGEST_COPY_BARS
from models.style.performance import touch

Floats = npt.NDArray[np.float64]

UNTIED, ANNOTATED, AXES, ROTATION = "untied", "annotated", "axes", "rotation"
WAYS = (ANNOTATED, AXES, ROTATION)
LEARNED = "learned"  # the annotated way with the links that a listener's picks have taught
ATTEMPTS = 5  # at music that copies no song
MOST_SEED = 1_000_000


@dataclass(frozen=True)
class Score:
    """Music for a film: its ``piece``, and the bars that it keeps to.

    ``readouts`` ``(bars, 5)``: what the film says in each bar, standardised. ``seed``: with which the piece was
    composed; ``refused``: how many seeds before it gave a piece that copied a training song.
    """

    piece: Piece
    lines: BarLines
    readouts: Floats
    seconds: float
    seed: int = 0
    refused: int = 0

    @cached_property
    def performance(self) -> Performance:
        """As a pianist might play it, in the film's seconds: bars begin where the film's do."""
        return _played(self.piece, self.lines)

    def sound(self) -> Audio:
        """Exactly as long as the film, float32 ``(samples, 2)``; raises ``MusicError`` where it has no notes."""
        return render_long(self.piece, self.seconds, self.performance)


@dataclass(frozen=True)
class Watched:
    """A film and what is seen in it, once for all ways; ``pictures`` may be None where latents are not asked for."""

    film: Film
    pictures: PictureBundle | None = None

    @cached_property
    def readouts(self) -> Floats:
        """Standardised, of each frame: ``(frames, 5)``."""
        return readouts.standardised(readouts.of_film(self.film))

    @cached_property
    def latents(self) -> Floats:
        """Picture latents of each frame, ``(frames, dims)``."""
        if self.pictures is None:
            raise ValueError("the picture model is needed for latents of a film")
        return self.pictures.encode(self.film.frames).astype(np.float64)

    def free(self, composer: Composer, domain: Domain, lines: BarLines, seed: int) -> Piece:
        """What is written for its bars without the tie; the same bars of other ways have it, too."""
        asked = (composer.version, domain, lines.starts_s.tobytes(), seed)
        if asked not in self._written:
            (self._written[asked],) = writing.write(composer, domain, lines, seed)
        return self._written[asked]

    @cached_property
    def _written(self) -> dict[tuple[str, str, bytes, int], Piece]:
        return {}

    def by_bar(self, lines: BarLines) -> Floats:
        """Picture latents of each bar, ``(bars, dims)``."""
        return bars.by_bar(self.latents, self.film.times_s, lines.starts_s)


@dataclass(frozen=True)
class Scorer:
    """Sets films to music; what a way does not need may be None.

    ``pictures``: latents of frames, and ``tie``: rotation and axes. ``links`` ``(5, 5)``: what each readout asks of
    each side (learned), as ``models.picture.fit.head`` has them.
    """

    composer: Composer
    pictures: PictureBundle | None = None
    tie: Tie | None = None
    links: Floats | None = None
    domain: Domain = "pop"

    def score(self, film: Film | Watched, way: str = ANNOTATED, seed: int = 0) -> Score:
        """Music for a film: the same again for the same film, way and seed.

        Where more than ``LONGEST_COPY_BARS`` bars in a row have the melody of a training song, it is composed again
        with another seed. Raises ``ValueError`` for an unknown way, one for which something is lacking, a model without
        a piece model, or where each of ``ATTEMPTS`` seeds gave a copy.
        """
        self._check(way)
        watched = film if isinstance(film, Watched) else Watched(film, self.pictures)
        film = watched.film
        usual = usual_bpm(self.domain, seed)
        wished = np.full(len(film.times_s), usual)
        if way in (ANNOTATED, LEARNED):
            motion = self._sides(way, watched.readouts)[:, READOUTS.index("motion")]
            wished = annotated.wished_bpm(motion, film.times_s, usual)
        lines = bar_lines(film.seconds, film.cuts_s, film.times_s, wished)
        asked = readouts.by_bar(watched.readouts, film.times_s, lines.starts_s)
        for attempt in range(ATTEMPTS):
            own = seed_of(seed, attempt)
            piece = writing.in_time(self._piece(watched, way, lines, asked, own), lines)
            if self.composer.bundle.fingerprint.copied_bars(piece) <= LONGEST_COPY_BARS:
                return Score(piece, lines, asked, film.seconds, own, attempt)
        raise ValueError(
            f"seed {seed} was given, and its music and {ATTEMPTS - 1} others had over {LONGEST_COPY_BARS} bars of a "
            "song that the model has learned from; choose another seed"
        )

    def _piece(self, watched: Watched, way: str, lines: BarLines, asked: Floats, seed: int) -> Piece:
        composer, domain = self.composer, self.domain
        if way == ROTATION and self.tie is not None:
            noise = rotation.noise_of(watched.by_bar(lines), self.tie.turn, seed)
            latents = rotation.carried(composer, noise, domain, seed)
            latents = writing.with_tempo(latents, lines)
            return writing.from_latents(composer, domain, latents, seed)
        if way in (ANNOTATED, LEARNED):
            sides = self._sides(way, asked)
            towards = annotated.targets(sides, domain)
            pieces = writing.write(composer, domain, lines, seed, targets=towards, count=annotated.AMONG)
            return max(pieces, key=lambda piece: annotated.agreement(piece, sides, domain))
        free = watched.free(composer, domain, lines, seed)
        if way == UNTIED or self.tie is None:
            return free
        latents = self.tie.axes.moved(writing.latents_of(composer, free), watched.by_bar(lines))
        latents = writing.with_tempo(latents, lines)
        return writing.from_latents(composer, domain, latents, seed)

    def _sides(self, way: str, readouts: Floats) -> Floats:
        """What readouts ``(…, 5)`` ask of each side of the music, in the place of the readout it is linked with."""
        return readouts @ self.links if way == LEARNED and self.links is not None else readouts

    def _check(self, way: str) -> None:
        if way not in (*WAYS, LEARNED, UNTIED):
            raise ValueError(f"the way {way!r} was given; there are {', '.join((*WAYS, LEARNED))}")
        if way == LEARNED and (self.links is None or self.links.shape != (len(READOUTS),) * 2):
            raise ValueError(
                "the way 'learned' needs the links of a listener, 5 × 5 numbers: the endpoint `tie` gives them"
            )
        if way in (ROTATION, AXES) and self.pictures is None:
            raise ValueError(f"the way {way!r} needs a picture model: python -m models.train.picture")
        if way in (ROTATION, AXES) and self.tie is None:
            raise ValueError(f"the way {way!r} needs what is fitted by python -m models.train.tie")
        if way in (ROTATION, AXES) and self.tie and self.pictures:
            self.tie.require(pictures=self.pictures.version, style=self.composer.version)


def seed_of(seed: int, attempt: int) -> int:
    """The seed of an attempt: the first is the one that was given, the others follow from it."""
    return seed if attempt == 0 else int(np.random.default_rng([seed, attempt]).integers(MOST_SEED))


def _played(piece: Piece, lines: BarLines) -> Performance:
    found = touch.play(piece)

    def in_film(seconds: Floats) -> Floats:
        moved: Floats = np.interp(seconds, found.bars_s, lines.starts_s)
        late: Floats = moved + np.maximum(seconds - found.bars_s[-1], 0)
        return late

    onset = np.maximum(in_film(found.onset_s), 0.0)
    held, sounding = (
        np.minimum(in_film(found.onset_s + each), lines.starts_s[-1]) - onset
        for each in (found.held_s, found.sounding_s)
    )
    return replace(
        found, onset_s=onset, held_s=np.maximum(held, touch.LEAST_SECONDS),
        sounding_s=np.maximum(sounding, touch.LEAST_SECONDS), bars_s=lines.starts_s, pedal_s=in_film(found.pedal_s),
    )  # fmt: skip
