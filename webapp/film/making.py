"""A film set to music, from its file to ``film.mp4``, ``film.mid`` and ``film.wav``: by command and on the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch

from models.music.midi import write_midi
from models.music.notes import Domain
from models.music.render import SAMPLE_RATE_HZ
from models.picture import movie
from models.picture.autoencoder import load_pictures
from models.picture.drawings import load_drawings
from models.picture.film import LONGEST_S, FilmError, Pictures, read_film
from models.picture.movie import write_frames, write_movie
from models.picture.reading import SUFFIXES
from models.picture.shorts import SHORTS, SHOWN_A_SECOND, Short, Shown
from models.picture.tie import scoring
from models.picture.tie.checkpoint import load_tie
from models.style.checkpoint import load_style
from models.style.compose import Composer
from webapp.film.scored_films import MOVIE, NOTES, SHORT, SOUND, Made

PICTURES = SUFFIXES
STAGES = ("reading", "composing", "playing", "writing the film")

Progress = Callable[[str, float], None]
Links = Sequence[Sequence[float]]  # of a listener, ``models.picture.fit.head.links``


def make(
    sources: Sequence[Path],
    folder: Path,
    style_folder: Path,
    *,
    method: str = scoring.ANNOTATED,
    links: Links | None = None,
    domain: Domain = "pop",
    seed: int = 0,
    device: str = "cpu",
    longest_s: float = LONGEST_S,
    progress: Progress = lambda _stage, _share: None,
) -> Made:
    """Set one film, or pictures, to music and write ``FILES`` into ``folder``; the same again for the same.

    Raises ``FilmError``, ``MusicError`` or ``ValueError`` for what can't be used, ``OSError`` where it can't be
    written.
    """
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    reading, composing, playing, writing = STAGES
    progress(reading, 0.0)
    short = Shown.of(_short(sources[0]), load_drawings()) if sources[0].suffix == SHORT else None
    shown = [] if short else pictures_of(sources)
    if short:
        film = short.film()
    elif shown:
        film = movie.slideshow(shown)
    else:
        film = read_film(sources[0], longest_s=longest_s, progress=lambda share: progress(reading, share))
    progress(composing, 0.0)
    composer = Composer(load_style(str(style_folder), device), device)
    score = _scorer(composer, method, domain, links).score(film, method, seed)
    progress(playing, 0.0)
    sound = score.sound()
    (folder / NOTES).write_bytes(write_midi(score.piece, score.performance))
    soundfile.write(folder / SOUND, sound, SAMPLE_RATE_HZ, subtype="PCM_16")
    progress(writing, 0.0)

    def written(share: float) -> None:
        progress(writing, share)

    if short:
        write_frames(short.pictures(), SHOWN_A_SECOND, sound, folder / MOVIE, written)
    elif shown:
        rate = movie.SHOWN_A_SECOND
        write_frames(movie.faded(shown, rate), rate, sound, folder / MOVIE, written)
    else:
        write_movie(sources[0], sound, folder / MOVIE, written)
    tempo = score.lines.tempo_bpm
    return Made(
        round(film.seconds, 3), score.lines.bars, len(film.cuts_s), score.lines.met, len(score.piece.notes),
        round(float(tempo.min()), 1), round(float(tempo.max()), 1),
        score.seed, score.refused,
    )  # fmt: skip


def _short(source: Path) -> Short:
    """The film that a source names; raises ``FilmError``."""
    name = source.read_text(encoding="utf-8")
    if name not in SHORTS:
        raise FilmError(f"there is no film {name[:40]!r}; there are {', '.join(SHORTS)}")
    return SHORTS[name]


def _scorer(composer: Composer, method: str, domain: Domain, links: Links | None) -> scoring.Scorer:
    """With what the method needs; raises ``ValueError`` where it isn't there."""
    if method == scoring.ANNOTATED or method not in scoring.WAYS:
        own = None if links is None else np.asarray(links, dtype=np.float64)
        return scoring.Scorer(composer, links=own, domain=domain)
    try:
        return scoring.Scorer(composer, load_pictures(), load_tie(), domain=domain)
    except FileNotFoundError as error:
        raise ValueError(str(error)) from error


def pictures_of(sources: Sequence[Path]) -> list[Pictures]:
    """The slides of picture files, none where the only source is a film; raises ``FilmError`` for a mixture."""
    files = [each for source in sources for each in (sorted(source.iterdir()) if source.is_dir() else [source])]
    if missing := [each for each in files if not each.exists()]:
        raise FilmError(f"there is no file {missing[0]}")
    stills = [each for each in files if each.suffix.lower() in PICTURES]
    if not stills and len(files) == 1 and not sources[0].is_dir():
        return []
    if len(stills) < len(files) and not any(source.is_dir() for source in sources):
        raise FilmError("one film is needed, or pictures; several films, or both, can't be set to music together")
    if len(stills) > movie.MOST_PICTURES or not stills:
        raise FilmError(f"{len(stills)} pictures were given; 1 to {movie.MOST_PICTURES} make a film")
    found = []
    for each in stills:
        try:
            found.append(movie.read_slide(each))
        except FilmError as error:
            raise FilmError(f"{each.name}: {error}") from error
    return found
