"""Fitting a taste space: clips drawn from the training windows, encoded and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.metrics.music_statistics import ATTRIBUTES, attributes
from models.music.keys import half_bar_chroma
from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import LOWEST_PITCH, PITCHES, TEMPI_BPM
from models.style.compose import Composer
from models.style.latents import GROUPS
from models.style.windows import WindowSet
from models.taste.readouts import Readouts, summary
from models.taste.space import TasteSpace

NAMES = tuple(ATTRIBUTES)
FITTED = 6000
ENOUGH = 100  # clips of a domain that a taste space is fitted on, by which both clips of a pair are measured
BATCH = 20
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MeasuredClips:
    """Clips as summaries ``(N, D)``, attributes ``(N, A)``, chroma in ticks ``(N, 12)`` and domains ``(N,)``.

    ``sizes``: the dimensions of each latent group.
    """

    summaries: npt.NDArray[np.float32]
    attributes: FloatArray
    chroma: FloatArray
    domains: list[str]
    sizes: dict[str, int]


def attribute_row(piece: Piece) -> list[float]:
    """The attributes of a clip in the order of ``NAMES``."""
    found = attributes(piece)
    return [found[name] for name in NAMES]


def draw_clips(windows: WindowSet, count: int, seed: int) -> list[Piece]:
    """At most ``count`` clips of each domain, without repeats; those that begin a phrase before others."""
    generator = np.random.default_rng(seed)
    drawn: list[Piece] = []
    for domain in range(len(DOMAINS)):
        there = generator.permutation(np.flatnonzero(windows.domain == domain))
        there = there[np.argsort(~windows.start[there], kind="stable")]
        drawn += [windows.clip(int(index)) for index in there[:count]]
    return drawn


def measure_clips(composer: Composer, clips: Sequence[Piece], *, quiet: bool = False) -> MeasuredClips:
    """Encode and measure ``clips``; others are left out. Raises ``MusicError`` where none can be encoded."""
    summaries, rows, chroma, domains = [], [], [], []
    sizes: dict[str, int] = {}
    for clip in track(clips, "clips", disable=quiet):
        try:
            latents = composer.encode(clip)
        except MusicError:
            continue
        sizes = {name: latents.groups[name].shape[1] for name in GROUPS}
        summaries.append(summary(latents))
        rows.append(attribute_row(clip))
        chroma.append(half_bar_chroma(clip).sum(axis=0))
        domains.append(str(clip.domain))
    if not rows:
        raise MusicError("none of the clips can be encoded")
    return MeasuredClips(np.stack(summaries), np.array(rows), np.array(chroma), domains, sizes)


def fit_space(composer: Composer, found: MeasuredClips) -> TasteSpace:
    """The taste space of ``composer``'s model from clips that it has encoded."""
    tempo = np.stack([part.numpy() for part in composer.model.tempo.readout()])
    readings = Readouts.fit(found.summaries, found.chroma, sizes=found.sizes, tempo=tempo, tempi_bpm=TEMPI_BPM)
    return TasteSpace.fit(
        found.summaries, found.attributes, NAMES, composer.version, domains=found.domains, readings=readings
    )


def explained_variance(space: TasteSpace, clips: MeasuredClips) -> dict[str, FloatArray]:
    """Squared correlation of each attribute with its readout within each domain, ``(A,)``; NaN where it is constant."""
    features, domains = space.features(clips.summaries)[:, : len(NAMES)], np.array(clips.domains)
    found = {}
    for domain in dict.fromkeys(clips.domains):
        x, y = features[domains == domain], clips.attributes[domains == domain]
        x, y = x - x.mean(axis=0), y - y.mean(axis=0)
        size = (x**2).sum(axis=0) * (y**2).sum(axis=0)
        found[domain] = np.where(size > 1e-12, (x * y).sum(axis=0) ** 2 / np.maximum(size, 1e-12), np.nan)
    return found


def composed(composer: Composer, domain: Domain, count: int, seed: int) -> list[Piece]:
    """So many clips of the model's own, none where it has no piece model; those without a note are left out."""
    made: list[Piece] = []
    for start in range(0, count if composer.writer else 0, BATCH):
        seeds = [seed * 1_000_000 + k for k in range(start, min(start + BATCH, count))]
        made += composer.compose([composer.plan(domain=domain, content=None, styles={}, seed=s) for s in seeds])
    return [replace(piece, domain=domain) for piece in made if len(piece.notes)]


def in_other_keys(clips: Sequence[Piece], count: int) -> list[Piece]:
    """So many transpositions of ``clips``, up to a tritone either way, none where ``count`` is below 1."""
    shifts = (semitones for step in range(1, 7) for semitones in (step, -step))
    moved = (clip.transposed(semitones) for semitones in shifts for clip in clips if _reaches(clip, semitones))
    return list(islice(cycle(moved), max(0, count)))


def _reaches(clip: Piece, semitones: int) -> bool:
    pitches = clip.notes[:, 2] + semitones
    return bool(pitches.min() >= LOWEST_PITCH and pitches.max() < LOWEST_PITCH + PITCHES)


def fit_model_space(composer: Composer, windows: WindowSet, *, seed: int = 0, every_domain: bool = False) -> TasteSpace:
    """The taste space of a freshly trained model.

    ``FITTED`` clips of the training ``windows``, spread evenly over the domains, fit it; where a domain that is there
    has few (with ``every_domain``: also one that isn't there), the model composes more.
    """
    drawn = draw_clips(windows, FITTED // len(DOMAINS), seed)
    present = {piece.domain for piece in drawn}
    for domain in DOMAINS:
        if every_domain or domain in present:
            drawn += composed(composer, domain, ENOUGH - sum(piece.domain == domain for piece in drawn), seed)
    drawn += in_other_keys(drawn, ENOUGH - len(drawn))  # what hardly learned composes silence
    return fit_space(composer, measure_clips(composer, drawn))
